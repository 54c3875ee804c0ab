//! Whether a component is one core module with nothing around it but the toolchain's glue, so that it can be entered past
//! the component model.
//!
//! What the usual tools make of a Rust, C or Zig module is that: the module, trampolines for its imports, and lifts of its
//! exports, all named after the contract. The compiler's process looks, and adds one export to such a component, the core
//! module itself; so one artifact serves both ways in, and what checked the component's types has checked the
//! module's.

use std::collections::HashSet;

use wasm_encoder::{ComponentExportKind, ComponentExportSection, ComponentSection};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Instance, Parser, Payload, TypeRef,
};

use crate::imports::PACKAGE;
use crate::interfaces::is_of_the_contract;

/// The name of the export that is added.
pub(crate) const CORE_MODULE: &str = "sandkey-core-module";

/// The same component, with its core module exported if that is all there is to it; none if it is not.
pub(crate) fn export_core_module(component: &[u8]) -> wasmparser::Result<Option<Vec<u8>>> {
    if !is_one_core_module(component)? {
        return Ok(None);
    }
    let mut exports = ComponentExportSection::new();
    exports.export(CORE_MODULE, ComponentExportKind::Module, 0, None);
    let mut with_export = component.to_vec();
    exports.append_to_component(&mut with_export);
    Ok(Some(with_export))
}

/// What is known of a component's core functions: where they come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CoreFunction<'c> {
    /// Exported by a core instance under this name.
    Of(u32, &'c str),
    Other,
}

fn is_one_core_module(component: &[u8]) -> wasmparser::Result<bool> {
    let mut modules = 0u32;
    // Of every core instance, the module that it is an instance of.
    let mut instances: Vec<Option<u32>> = Vec::new();
    let mut functions: Vec<CoreFunction<'_>> = Vec::new();
    let mut nested = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match payload {
            Payload::ModuleSection { unchecked_range, .. } if nested == 0 => {
                nested += 1;
                if modules == 0 && !is_guest(&component[unchecked_range])? {
                    return Ok(false);
                }
                modules += 1;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => nested += 1,
            Payload::End(_) => nested = nested.saturating_sub(1),
            _ if nested > 0 => {}
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if !import?.name.name.starts_with(PACKAGE) {
                        return Ok(false);
                    }
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    instances.push(match instance? {
                        Instance::Instantiate { module_index, .. } => Some(module_index),
                        Instance::FromExports(_) => None,
                    });
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    if let ComponentAlias::CoreInstanceExport {
                        kind: ExternalKind::Func,
                        instance_index,
                        name,
                    } = alias?
                    {
                        functions.push(CoreFunction::Of(instance_index, name));
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let options = match function? {
                        CanonicalFunction::Lift { core_func_index, options, .. } => {
                            let Some(CoreFunction::Of(instance, name)) =
                                functions.get(core_func_index as usize)
                            else {
                                return Ok(false);
                            };
                            let module = instances.get(*instance as usize).copied().flatten();
                            if module != Some(0)
                                || !is_of_the_contract(name.split('#').next().unwrap_or(name))
                            {
                                return Ok(false);
                            }
                            options
                        }
                        CanonicalFunction::Lower { options, .. } => {
                            functions.push(CoreFunction::Other);
                            options
                        }
                        _ => return Ok(false),
                    };
                    if options.iter().any(unusual) {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(modules > 0)
}

/// Whether an option of the canonical ABI means anything else than what is implemented here.
fn unusual(option: &CanonicalOption) -> bool {
    !matches!(
        option,
        CanonicalOption::UTF8
            | CanonicalOption::Memory(_)
            | CanonicalOption::Realloc(_)
            | CanonicalOption::PostReturn(_)
    )
}

/// Whether a core module imports functions of the contract and nothing else, and exports what the ABI needs.
fn is_guest(module: &[u8]) -> wasmparser::Result<bool> {
    let mut exports = HashSet::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    if !is_of_the_contract(import.module) || !matches!(import.ty, TypeRef::Func(_)) {
                        return Ok(false);
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.insert(export?.name);
                }
            }
            _ => {}
        }
    }
    Ok(["memory", "cabi_realloc"].iter().all(|name| exports.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_direct(text: &str) -> bool {
        let component = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let with_export = export_core_module(&component).expect("it parses");
        if let Some(with_export) = &with_export {
            wasmparser::Validator::new().validate_all(with_export).expect("it is still a component");
        }
        with_export.is_some()
    }

    /// A component around one module that imports `db` and exports a lifted function; parts of it can be exchanged.
    fn component(interface: &str, lower: &str, module: &str, lifted: &str, lift: &str) -> String {
        format!(
            r#"(component
                (import "{interface}" (instance $context (export "db" (func (result u32)))))
                (core module $main
                    (import "sandkey:module/context@0.1.0" "db" (func (result i32)))
                    (memory (export "memory") 1)
                    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "sandkey:module/commands@0.1.0#call")))
                {module}
                (core func $db (canon lower (func $context "db") {lower}))
                (core instance $main (instantiate $main
                    (with "sandkey:module/context@0.1.0" (instance (export "db" (func $db))))))
                (core instance $other (instantiate {lifted}
                    (with "sandkey:module/context@0.1.0" (instance (export "db" (func $db))))))
                (alias core export $other "sandkey:module/commands@0.1.0#call" (core func $call))
                (func (canon lift (core func $call) {lift})))"#
        )
    }

    const CONTEXT: &str = "sandkey:module/context@0.1.0";

    #[test]
    fn a_module_with_nothing_around_it_but_glue() {
        assert!(is_direct(&component(CONTEXT, "", "", "$main", "")));
        assert!(is_direct(&component("sandkey:module/context@0.1.9", "", "", "$main", "")));
    }

    #[test]
    fn imports_of_anything_else_need_the_component_model() {
        assert!(!is_direct(&component("wasi:cli/exit@0.2.0", "", "", "$main", "")));
        assert!(!is_direct("(component)"));
        let of_another =
            component(CONTEXT, "", "", "$main", "").replacen("(import \"sandkey", "(import \"acme", 2);
        let of_another = of_another.replacen("(import \"acme", "(import \"sandkey", 1);
        let of_another = of_another.replace("(with \"sandkey", "(with \"acme");
        assert!(!is_direct(&of_another), "the module itself imports something that is not of the contract");
    }

    #[test]
    fn other_encodings_need_the_component_model() {
        assert!(!is_direct(&component(CONTEXT, "string-encoding=utf16", "", "$main", "")));
        assert!(!is_direct(&component(CONTEXT, "", "", "$main", "string-encoding=latin1+utf16")));
    }

    #[test]
    fn functions_of_a_second_module_need_the_component_model() {
        let second = r#"(core module $second (func (export "sandkey:module/commands@0.1.0#call")))"#;
        assert!(!is_direct(&component(CONTEXT, "", second, "$second", "")));
        assert!(
            is_direct(&component(CONTEXT, "", second, "$main", "")),
            "it may be there, as trampolines are"
        );
    }
}
