//! How a record's value is read and written: once, for every type.

/// Gives a record type `decode` and `encode_into`; `$what` names the type in errors.
#[macro_export]
#[doc(hidden)]
macro_rules! record {
    ($type:ident, $what:literal) => {
        impl $type {
            /// Reads a record's value.
            pub fn decode(value: &[u8]) -> Result<Self, $crate::Error> {
                let record: Self = serde_json::from_slice(value)
                    .map_err(|source| $crate::Error::Json { what: $what, source })?;
                $crate::check_schema(record.schema)?;
                Ok(record)
            }

            /// Writes the record's value to the end of `out`.
            pub fn encode_into(&self, out: &mut Vec<u8>) {
                serde_json::to_writer(out, self)
                    .expect("writing to memory cannot fail, and every key is a string");
            }
        }
    };
}
