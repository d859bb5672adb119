//! Drawing a code: on the terminal, and as SVG in a file.

use super::args::Drawing;
use super::files::to_write;
use super::output::Output;
use super::stop::Stop;
use crate::home::file;
use crate::qr::Qr;

/// Draws what is asked for. The lines are those for the terminal.
pub(super) fn drawn(text: &str, drawing: &Drawing, output: &Output) -> Result<Vec<String>, Stop> {
    if !drawing.qr && drawing.svg.is_none() {
        return Ok(Vec::new());
    }
    let qr = Qr::encode(text).map_err(|error| Stop::Usage(error.to_string()))?;
    if let Some(path) = &drawing.svg {
        file::replace(&to_write(path)?, qr.to_svg().as_bytes())?;
        output.note(&format!("Wrote {}.", path.display()));
    }
    Ok(if drawing.qr {
        qr.to_terminal(output.colour())
    } else {
        Vec::new()
    })
}
