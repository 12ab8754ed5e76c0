//! Reports of runs: curves from their logs, figures from their evaluations, single images, and runs side by side, as one
//! HTML file that needs nothing beside it, as SVG charts, and as JSON.

mod axis;
mod bland_altman;
mod cases;
mod chart;
mod comparison;
mod contents;
mod curve;
mod document;
mod evaluation;
mod files;
mod forest;
mod glossary;
mod log;
mod outline;
mod page;
mod palette;
mod plots;
mod run;
mod section;
mod tables;
mod threshold_plots;

pub use bland_altman::BlandAltman;
pub use cases::{Case, Kind, MOST_STD, View, Viewer, choose, open};
pub use comparison::{Difference, Measure, paired};
pub use contents::{Report, default_split};
pub use evaluation::{Evaluation, ImageRow, WorstCase};
pub use glossary::log_columns;
pub use log::{LogLines, RunLog, Series, ValidationPoint};
pub use run::Run;
pub use section::{Comparison, Section, sections};
