//! Logs and metrics without people in them. Rooms use the macros of `tracing` and `metrics`
//! and import nothing from here.
//!
//! Nothing personal can be logged by construction: contacts, names and texts travel in types
//! whose `Debug` is mute, and a fault's chain names what was being done, never to whom. Handles
//! are not logged either: they lead to a person's mailbox.
//!
//! # Security
//! Imports only `model`. Metrics carry no label that comes from outside.

use std::io;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Level;
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::model::Fault;

/// Logs to stderr, JSON unless a person watches: level by `TABIR_LOG` (default `info`). Libraries
/// speak of errors alone, whatever it says: their finer levels quote what people wrote.
/// Called twice (a demo in a test) it changes nothing.
pub fn logs(for_people: bool) {
    let filter = EnvFilter::try_from_env("TABIR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let ours = filter_fn(|said| may_speak(said.target(), *said.level()));
    let subscriber = tracing_subscriber::registry().with(filter).with(ours);
    let _ = if for_people {
        subscriber.with(fmt::layer().with_writer(io::stderr).compact().with_target(false)).try_init()
    } else {
        subscriber.with(fmt::layer().with_writer(io::stderr).json()).try_init()
    };
}

/// Starts collecting metrics; the handle renders them for Prometheus.
///
/// # Errors
/// When a recorder was installed before.
pub fn metrics() -> Result<PrometheusHandle, Fault> {
    PrometheusBuilder::new().install_recorder().map_err(|e| Fault::new("installing the metrics recorder", e))
}

/// Whether something is logged at all.
fn may_speak(target: &str, level: Level) -> bool {
    let of = |name: &str| target == name || target.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    of("tabir") || level == Level::ERROR && !MUTE.iter().any(|name| of(name))
}

/// Libraries that quote what people wrote in errors too.
const MUTE: [&str; 5] = ["hickory_proto", "hickory_resolver", "html5ever", "mail_auth", "rlibphonenumber"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_makes_a_library_quote_what_people_wrote() {
        let cases = [
            ("tabir", Level::TRACE, true),
            ("tabir::relay::claim", Level::DEBUG, true),
            ("tabirish", Level::INFO, false),
            ("rlibphonenumber::phonenumbermatcher", Level::TRACE, false),
            ("rlibphonenumber", Level::ERROR, false),
            ("hyper::proto", Level::DEBUG, false),
            ("rustls::conn", Level::ERROR, true),
        ];
        for (target, level, speaks) in cases {
            assert_eq!(may_speak(target, level), speaks, "{target} {level}");
        }
    }
}
