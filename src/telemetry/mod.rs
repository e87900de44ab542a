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
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::model::Fault;

/// Logs to stderr, JSON unless a person watches: level by `TABIR_LOG` (default `info`).
/// Called twice (a demo in a test) it changes nothing.
pub fn logs(for_people: bool) {
    let filter = EnvFilter::try_from_env("TABIR_LOG").unwrap_or_else(|_| EnvFilter::new(QUIET));
    let subscriber = tracing_subscriber::registry().with(filter);
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

/// The libraries speak only of trouble: their finer levels may quote what peers say.
const QUIET: &str = "info,hickory_resolver=off,hickory_proto=off,mail_auth=off,rustls=error,hyper=error,html5ever=off";
