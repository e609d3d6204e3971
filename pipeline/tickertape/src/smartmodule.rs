//! `tickertape smartmodule install`: a built SmartModule into the cluster of the configuration.

use anyhow::{Context, Result};
use tickertape_broker::Fluvio;

use crate::cli::{SmartModuleArgs, SmartModuleCommand};
use crate::config::Config;

/// Runs the subcommand.
pub(crate) async fn run(args: &SmartModuleArgs) -> Result<()> {
    let SmartModuleCommand::Install { file } = &args.command;
    let wasm = std::fs::read(file).with_context(|| {
        format!("cannot read {}; `make smartmodule` in the source tree builds it", file.display())
    })?;
    let name = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .with_context(|| format!("{} gives the SmartModule no name", file.display()))?;
    let config = Config::load(args.common.config.as_deref())?;
    Fluvio::connect(config.fluvio()).await?.install_smartmodule(name, &wasm).await?;
    eprintln!("installed {name}; try: fluvio consume messages --smartmodule {name}");
    Ok(())
}
