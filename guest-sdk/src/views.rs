//! What all collections have in common: a view that reads, and one around it that changes, too.

/// For two structs, `Read { host, handle }` and `Write(Read)`: how they are made and shown, and that who can write can read.
macro_rules! views {
    ($read:ident, $write:ident) => {
        impl<'k> $read<'k> {
            pub(crate) const fn new(host: &'k crate::host::Host, handle: u32) -> Self {
                Self { host, handle }
            }
        }

        impl<'k> $write<'k> {
            pub(crate) const fn new(host: &'k crate::host::Host, handle: u32) -> Self {
                Self($read::new(host, handle))
            }
        }

        impl std::fmt::Debug for $read<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($read)).finish_non_exhaustive()
            }
        }

        impl std::fmt::Debug for $write<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($write)).finish_non_exhaustive()
            }
        }

        impl<'k> std::ops::Deref for $write<'k> {
            type Target = $read<'k>;

            fn deref(&self) -> &$read<'k> {
                &self.0
            }
        }
    };
}
pub(crate) use views;
