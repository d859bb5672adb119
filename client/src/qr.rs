//! QR codes, for a terminal and as SVG. What is in one is for [`plainsight_specs::out_of_band`].

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code, as the standard asks for.
const QUIET: usize = 4;

/// A QR code, with its quiet zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qr {
    /// Modules of a side.
    width: usize,
    /// Row by row, `true` for dark.
    dark: Vec<bool>,
}

/// The text is too long for a QR code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("too long for a QR code: {reason}")]
pub struct QrError {
    reason: String,
}

impl Qr {
    /// Encodes a text, which should be digits or capitals to be small.
    pub fn encode(text: &str) -> Result<Self, QrError> {
        let code =
            QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| QrError {
                reason: error.to_string(),
            })?;
        let inner = code.width();
        let width = inner + 2 * QUIET;
        let mut dark = vec![false; width * width];
        for (place, colour) in code.to_colors().into_iter().enumerate() {
            let (x, y) = (place % inner + QUIET, place / inner + QUIET);
            if let Some(module) = dark.get_mut(y * width + x) {
                *module = colour == Color::Dark;
            }
        }
        Ok(Self { width, dark })
    }

    /// Modules of a side, the quiet zone included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether a module is dark; outside of the code none is.
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        let module = self.dark.get(y * self.width + x);
        x < self.width && module.copied().unwrap_or(false)
    }

    /// Lines for a terminal, two rows of modules each. Light modules are drawn, as terminals are
    /// dark; with `colour` the lines say so themselves.
    pub fn to_terminal(&self, colour: Colour) -> Vec<String> {
        let line = |y: usize| {
            let modules =
                (0..self.width).map(|x| match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                    (false, false) => '█',
                    (false, true) => '▀',
                    (true, false) => '▄',
                    (true, true) => ' ',
                });
            let modules: String = modules.collect();
            match colour {
                Colour::Plain => modules,
                Colour::Ansi => format!("\x1b[97;40m{modules}\x1b[0m"),
            }
        };
        (0..self.width).step_by(2).map(line).collect()
    }

    /// A drawing of one path, black on white.
    pub fn to_svg(&self) -> String {
        let width = self.width;
        let mut path = String::new();
        for y in 0..width {
            for x in (0..width).filter(|x| self.is_dark(*x, y)) {
                // Writing to a string cannot fail.
                let _infallible = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{width}v{width}H0z\"/>\
             <path d=\"{path}\"/></svg>\n"
        )
    }
}

/// Whether a drawing may set colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The terminal's own.
    Plain,
    /// Light on dark, by escape sequences.
    Ansi,
}
