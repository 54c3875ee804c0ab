//! Whether parts of a component call each other through the component model.
//!
//! Between two parts the engine puts adapters that copy and re-encode strings in native code, at any length for the fuel
//! of a few instructions, and no limit of ours would see that in a loop. A module has no need
//! of it (what the usual tools make is one part), so such components are refused.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentTypeRef, Parser,
    Payload,
};

/// Whether `component` lowers a function that it lifted itself, or has parts with code of their own.
pub(crate) fn calls_between_parts(component: &[u8]) -> wasmparser::Result<bool> {
    let mut outer = Outer::default();
    // How deep we are in nested components, and in modules inside of them.
    let (mut components, mut modules) = (0u32, 0u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } if components > 0 => return Ok(true),
            Payload::ModuleSection { .. } => modules += 1,
            Payload::ComponentSection { .. } => components += 1,
            Payload::End(_) if modules > 0 => modules -= 1,
            Payload::End(_) => components = components.saturating_sub(1),
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    let between = match function? {
                        CanonicalFunction::Lift { .. } if components > 0 => true,
                        CanonicalFunction::Lower { .. } if components > 0 => true,
                        CanonicalFunction::Lift { .. } => {
                            outer.own_functions.push(true);
                            false
                        }
                        CanonicalFunction::Lower { func_index, .. } => outer.is_own_function(func_index),
                        _ => false,
                    };
                    if between {
                        return Ok(true);
                    }
                }
            }
            payload if components == 0 && modules == 0 => outer.see(payload)?,
            _ => {}
        }
    }
    Ok(false)
}

/// The index spaces of the outermost component: for each function and instance, whether it is the component's own rather
/// than imported.
#[derive(Default)]
struct Outer {
    own_functions: Vec<bool>,
    own_instances: Vec<bool>,
}

impl Outer {
    /// An index that we do not know counts as the component's own: then it is refused rather than let through.
    fn is_own_function(&self, index: u32) -> bool {
        self.own_functions.get(index as usize).copied().unwrap_or(true)
    }

    fn is_own_instance(&self, index: u32) -> bool {
        self.own_instances.get(index as usize).copied().unwrap_or(true)
    }

    /// Follow the sections that add to the index spaces.
    fn see(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    match import?.ty {
                        ComponentTypeRef::Func(_) => self.own_functions.push(false),
                        ComponentTypeRef::Instance(_) => self.own_instances.push(false),
                        _ => {}
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    let (ComponentInstance::Instantiate { .. } | ComponentInstance::FromExports(_)) =
                        instance?;
                    self.own_instances.push(true);
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    let ComponentAlias::InstanceExport { kind, instance_index, .. } = alias? else {
                        continue;
                    };
                    let own = self.is_own_instance(instance_index);
                    match kind {
                        ComponentExternalKind::Func => self.own_functions.push(own),
                        ComponentExternalKind::Instance => self.own_instances.push(own),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    match export.kind {
                        ComponentExternalKind::Func => {
                            self.own_functions.push(self.is_own_function(export.index));
                        }
                        ComponentExternalKind::Instance => {
                            self.own_instances.push(self.is_own_instance(export.index));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(text: &str) -> bool {
        calls_between_parts(&wat::parse_str(text).expect("the test's text is valid")).expect("it parses")
    }

    #[test]
    fn lowering_an_import_is_what_every_module_does() {
        assert!(!composed(
            r#"(component
                (import "i" (instance $i (export "f" (func))))
                (core func $f (canon lower (func $i "f")))
                (core module $m (import "" "f" (func)) (func (export "g")))
                (core instance $c (instantiate $m (with "" (instance (export "f" (func $f))))))
                (func $g (canon lift (core func $c "g")))
                (export "g" (func $g)))"#
        ));
    }

    #[test]
    fn lowering_a_function_of_its_own_is_refused() {
        let with = |lowered: &str| {
            format!(
                r#"(component
                    (core module $m (func (export "g")))
                    (core instance $c (instantiate $m))
                    (func $g (canon lift (core func $c "g")))
                    (export $e "g" (func $g))
                    (instance $i (export "g" (func $g)))
                    {lowered})"#
            )
        };
        assert!(!composed(&with("")));
        assert!(composed(&with("(core func (canon lower (func $g)))")));
        assert!(composed(&with("(core func (canon lower (func $e)))")), "by the name of its export");
        assert!(composed(&with(r#"(core func (canon lower (func $i "g")))"#)), "by an instance");
    }

    #[test]
    fn nested_components_may_rename_and_not_compute() {
        assert!(!composed(r#"(component (component (import "f" (func $f)) (export "g" (func $f))))"#));
        assert!(composed("(component (component (core module)))"));
        assert!(composed(
            r#"(component (component (import "f" (func $f)) (core func (canon lower (func $f)))))"#
        ));
    }
}
