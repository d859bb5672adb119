//! The `plainsight` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(plainsight_client::cli::run(std::env::args_os())),
        Err(error) => {
            eprintln!("plainsight: cannot start: {error}.");
            plainsight_client::failure::Verdict::Usage.code()
        }
    };
    ExitCode::from(code)
}
