//! Loading a SmartModule into the cluster.

use ::fluvio::metadata::smartmodule::{SmartModuleSpec, SmartModuleWasm};

use super::Fluvio;
use crate::Result;

impl Fluvio {
    /// Loads a SmartModule, the bytes of a wasm module, into the cluster; one of the same name is replaced for
    /// streams that are opened from then on.
    pub async fn install_smartmodule(&self, name: &str, wasm: &[u8]) -> Result<()> {
        let doing = || format!("asked to take SmartModule {name} into");
        let module = SmartModuleWasm::from_raw_wasm_bytes(wasm)
            .map_err(|error| self.cluster.error(doing(), error.to_string()))?;
        let created = self.cluster.admin(|admin| {
            let spec = SmartModuleSpec { wasm: module.clone(), ..Default::default() };
            Box::pin(async move { admin.create(name.to_owned(), false, spec).await })
        });
        created.await.map_err(|reason| self.cluster.error(doing(), reason))
    }
}
