//! Whether a component is one core module with nothing around it but the toolchain's glue, so that it can be entered past
//! the component model.
//!
//! What the usual tools make of a Rust, C or Zig module is that: the module, trampolines for its imports, and lifts of its
//! exports, all named after the contract. The compiler's process looks, and adds one export to such a component, the core
//! module itself; so one artifact serves both ways in, and what checked the component's types has checked the
//! module's.

use std::collections::HashMap;

use wasm_encoder::{ComponentExportKind, ComponentExportSection, ComponentSection};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Instance, Operator, Parser, Payload,
    TypeRef,
};

use crate::imports::PACKAGE;
use crate::interfaces::is_of_the_contract;
use crate::load_error::LoadError;
use crate::text::one_line;

/// The name of the export that is added.
pub(crate) const CORE_MODULE: &str = "sandkey-core-module";

/// The guest is the first core module of its component.
const GUEST: u32 = 0;

/// The same component, with its core module exported if that is all there is to it; none if it is not.
pub(crate) fn export_core_module(component: &[u8]) -> Result<Option<Vec<u8>>, LoadError> {
    let mut outline = Outline::default();
    let is_direct =
        outline.read(component).map_err(|error| LoadError::Invalid(one_line(&error.to_string(), 500)))?;
    if outline.has_our_export {
        return Err(LoadError::Invalid(format!(
            "it exports {CORE_MODULE}, a name that the server keeps for itself"
        )));
    }
    if !is_direct {
        return Ok(None);
    }
    let mut exports = ComponentExportSection::new();
    exports.export(CORE_MODULE, ComponentExportKind::Module, GUEST, None);
    let mut with_export = component.to_vec();
    exports.append_to_component(&mut with_export);
    Ok(Some(with_export))
}

/// What a core instance exports: which instance, and under which name.
type Exported<'c> = (u32, &'c str);

/// The index spaces of a component, as far as they decide.
#[derive(Default)]
struct Outline<'c> {
    modules: u32,
    /// Of every core instance, the module that it is an instance of.
    instances: Vec<Option<u32>>,
    /// Core functions and memories, with where they come from if that is a core instance.
    functions: Vec<Option<Exported<'c>>>,
    memories: Vec<Exported<'c>>,
    has_our_export: bool,
}

impl<'c> Outline<'c> {
    /// Read all of it; whether it is one core module with glue.
    fn read(&mut self, component: &'c [u8]) -> wasmparser::Result<bool> {
        let mut is_direct = true;
        let mut nested = 0u32;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    if nested == 0 {
                        let module = &component[unchecked_range];
                        is_direct &= if self.modules == GUEST { is_guest(module)? } else { is_glue(module)? };
                        self.modules += 1;
                    }
                    nested += 1;
                }
                Payload::ComponentSection { .. } => nested += 1,
                Payload::End(_) => nested = nested.saturating_sub(1),
                payload if nested == 0 => is_direct &= self.see(payload)?,
                _ => {}
            }
        }
        let guests = self.instances.iter().filter(|module| **module == Some(GUEST)).count();
        Ok(is_direct && guests == 1)
    }

    /// Follow a section of the outermost component; whether it may be part of glue.
    fn see(&mut self, payload: Payload<'c>) -> wasmparser::Result<bool> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if !import?.name.name.starts_with(PACKAGE) {
                        return Ok(false);
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    self.has_our_export |= export?.name.name == CORE_MODULE;
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.instances.push(match instance? {
                        Instance::Instantiate { module_index, .. } => Some(module_index),
                        Instance::FromExports(_) => None,
                    });
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    match alias? {
                        ComponentAlias::CoreInstanceExport {
                            kind: ExternalKind::Func,
                            instance_index,
                            name,
                        } => self.functions.push(Some((instance_index, name))),
                        ComponentAlias::CoreInstanceExport {
                            kind: ExternalKind::Memory,
                            instance_index,
                            name,
                        } => self.memories.push((instance_index, name)),
                        _ => {}
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    if !self.see_canonical(function?) {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn see_canonical(&mut self, function: CanonicalFunction) -> bool {
        match function {
            CanonicalFunction::Lift { core_func_index, options, .. } => {
                let Some(name) = self.function_of_guest(core_func_index) else { return false };
                let is_named_for = name.split('#').next().unwrap_or(name);
                is_of_the_contract(is_named_for)
                    && options.iter().all(|option| self.is_usual(option, &format!("cabi_post_{name}")))
            }
            CanonicalFunction::Lower { options, .. } => {
                self.functions.push(None);
                options.iter().all(|option| self.is_usual(option, ""))
            }
            _ => false,
        }
    }

    /// The name of a core function, if the guest exports it.
    fn function_of_guest(&self, index: u32) -> Option<&'c str> {
        let (instance, name) = self.functions.get(index as usize).copied().flatten()?;
        self.is_guest(instance).then_some(name)
    }

    fn is_guest(&self, instance: u32) -> bool {
        self.instances.get(instance as usize) == Some(&Some(GUEST))
    }

    /// Whether an option of the canonical ABI means what is taken for granted when the guest is entered directly.
    fn is_usual(&self, option: &CanonicalOption, post_return: &str) -> bool {
        match *option {
            CanonicalOption::UTF8 => true,
            CanonicalOption::Memory(index) => {
                let memory = self.memories.get(index as usize);
                memory.is_some_and(|&(instance, name)| self.is_guest(instance) && name == "memory")
            }
            CanonicalOption::Realloc(index) => self.function_of_guest(index) == Some("cabi_realloc"),
            CanonicalOption::PostReturn(index) => self.function_of_guest(index) == Some(post_return),
            _ => false,
        }
    }
}

/// Whether a core module imports functions of the contract and nothing else, and exports what the ABI needs.
fn is_guest(module: &[u8]) -> wasmparser::Result<bool> {
    let mut exports = HashMap::new();
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
                    let export = export?;
                    exports.insert(export.name, export.kind);
                }
            }
            _ => {}
        }
    }
    let needs = [("memory", ExternalKind::Memory), ("cabi_realloc", ExternalKind::Func)];
    Ok(needs.iter().all(|(name, kind)| exports.get(name) == Some(kind)))
}

/// Whether a further core module is what the toolchain puts between a guest and its imports: it has no code, or only trampolines
/// that pass their arguments on through a table.
fn is_glue(module: &[u8]) -> wasmparser::Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CodeSectionEntry(body) = payload? else { continue };
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::LocalGet { .. } | Operator::I32Const { .. } => {}
                Operator::CallIndirect { .. } | Operator::End => {}
                _ => return Ok(false),
            }
        }
    }
    Ok(true)
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
        let second = if module.is_empty() { "" } else { "(core instance $second (instantiate $second))" };
        format!(
            r#"(component
                (import "{interface}" (instance $context (export "db" (func (result u32)))))
                (core module $guest
                    (import "sandkey:module/context@0.1.0" "db" (func (result i32)))
                    (memory (export "memory") 1)
                    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "cabi_export_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "cabi_post_sandkey:module/commands@0.1.0#call"))
                    (func (export "another"))
                    (func (export "sandkey:module/commands@0.1.0#call")))
                {module}
                (core func $db (canon lower (func $context "db") {lower}))
                (core instance $guest (instantiate $guest
                    (with "sandkey:module/context@0.1.0" (instance (export "db" (func $db))))))
                {second}
                (alias core export {lifted} "sandkey:module/commands@0.1.0#call" (core func $call))
                (func (canon lift (core func $call) {lift})))"#
        )
    }

    const CONTEXT: &str = "sandkey:module/context@0.1.0";

    #[test]
    fn a_module_with_nothing_around_it_but_glue() {
        assert!(is_direct(&component(CONTEXT, "", "", "$guest", "")));
        assert!(is_direct(&component("sandkey:module/context@0.1.9", "", "", "$guest", "")));
    }

    #[test]
    fn imports_of_anything_else_need_the_component_model() {
        assert!(!is_direct(&component("wasi:cli/exit@0.2.0", "", "", "$guest", "")));
        assert!(!is_direct("(component)"));
        let of_another =
            component(CONTEXT, "", "", "$guest", "").replacen("(import \"sandkey", "(import \"acme", 2);
        let of_another = of_another.replacen("(import \"acme", "(import \"sandkey", 1);
        let of_another = of_another.replace("(with \"sandkey", "(with \"acme");
        assert!(!is_direct(&of_another), "the module itself imports something that is not of the contract");
    }

    #[test]
    fn other_encodings_need_the_component_model() {
        assert!(!is_direct(&component(CONTEXT, "string-encoding=utf16", "", "$guest", "")));
        assert!(!is_direct(&component(CONTEXT, "", "", "$guest", "string-encoding=latin1+utf16")));
    }

    #[test]
    fn functions_of_a_second_module_need_the_component_model() {
        let second = |body: &str| {
            format!(r#"(core module $second (func (export "sandkey:module/commands@0.1.0#call") {body}))"#)
        };
        assert!(!is_direct(&component(CONTEXT, "", &second(""), "$second", "")), "its functions are lifted");
        assert!(
            !is_direct(&component(CONTEXT, "", &second("unreachable"), "$guest", "")),
            "it may be an adapter"
        );
        let trampoline = r#"(core module $second
            (type $db (func (result i32))) (table 1 1 funcref)
            (func (export "0") (result i32) (call_indirect (type $db) (i32.const 0))))"#;
        assert!(is_direct(&component(CONTEXT, "", trampoline, "$guest", "")), "the toolchain's own");
        assert!(is_direct(&component(CONTEXT, "", "(core module $second)", "$guest", "")), "without code");
    }

    #[test]
    fn a_second_instance_needs_the_component_model() {
        let twice = component(CONTEXT, "", "", "$guest", "").replace(
            "(alias core export $guest",
            r#"(core instance (instantiate $guest
                (with "sandkey:module/context@0.1.0" (instance (export "db" (func $db))))))
               (alias core export $guest"#,
        );
        assert!(!is_direct(&twice));
    }

    #[test]
    fn other_functions_of_the_abi_need_the_component_model() {
        let lifted = |options: &str, aliases: &str| {
            let text = component(CONTEXT, "", "", "$guest", options);
            text.replace("(func (canon lift", &format!("{aliases} (func (canon lift"))
        };
        let alias = |function: &str| format!(r#"(alias core export $guest "{function}" (core func $other))"#);
        let post = "cabi_post_sandkey:module/commands@0.1.0#call";
        assert!(is_direct(&lifted("(post-return $other)", &alias(post))));
        assert!(!is_direct(&lifted("(post-return $other)", &alias("another"))));
        let memory = r#"(alias core export $guest "memory" (core memory $memory))"#;
        let both = |realloc: &str| format!("{memory} {}", alias(realloc));
        let options = "(memory $memory) (realloc $other)";
        assert!(is_direct(&lifted(options, &both("cabi_realloc"))));
        assert!(!is_direct(&lifted(options, &both("cabi_export_realloc"))));
    }

    #[test]
    fn a_component_may_not_say_it_itself() {
        let text = r#"(component (core module $m) (export "sandkey-core-module" (core module $m)))"#;
        let component = wat::parse_str(text).expect("the text is valid");
        let error = export_core_module(&component).expect_err("it is refused").to_string();
        assert!(error.contains("a name that the server keeps for itself"), "{error}");
    }
}
