//! The SmartModule in the real engine: the module as built, and messages to send through it.

pub mod messages;

use std::path::PathBuf;

use anyhow::{Context, Result};
use fluvio_smartengine::{SmartEngine, SmartModuleChainBuilder, SmartModuleChainInstance, SmartModuleConfig};
use fluvio_smartmodule::dataplane::record::Record;
use fluvio_smartmodule::dataplane::smartmodule::SmartModuleInput;

/// The version of the engine's calls, as the SPU uses them.
const CALLS: i16 = fluvio_smartengine::DEFAULT_SMARTENGINE_VERSION;

/// The built module, or none where nobody built it.
pub fn module() -> Option<Vec<u8>> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    std::fs::read(target.join("smartmodule/tickertape-mentions.wasm")).ok()
}

/// The module in an engine, as an SPU runs it.
pub struct Engine {
    chain: SmartModuleChainInstance,
}

impl Engine {
    /// Compiles and initialises it.
    pub fn new(module: Vec<u8>, params: &[(&str, &str)]) -> Result<Self> {
        let mut config = SmartModuleConfig::builder();
        config.smartmodule_names(vec!["tickertape-mentions".to_owned()]);
        for (name, value) in params {
            config.param(*name, *value);
        }
        let mut chain = SmartModuleChainBuilder::default();
        chain.add_smart_module(config.build().context("the module's configuration")?, module);
        Ok(Self { chain: chain.initialize(&SmartEngine::new())? })
    }

    /// What becomes of the values of some records.
    pub fn process(&mut self, values: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let records = values.iter().map(|value| Record::new(value.clone())).collect();
        let output = self.chain.process(SmartModuleInput::try_from_records(records, CALLS)?)?;
        anyhow::ensure!(output.error.is_none(), "the module failed: {:?}", output.error);
        Ok(output.successes.into_iter().map(|record| record.value.into_vec()).collect())
    }
}
