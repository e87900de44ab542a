//! Who may import whom, and with which outside crates: ARCHITECTURE.md as data.

/// A room, or a part of one that has rights of its own.
pub(crate) struct Room {
    /// Its place under `src/`.
    pub(crate) name: &'static str,
    /// Rooms it may import.
    pub(crate) imports: &'static [&'static str],
    /// Outside crates it may use.
    pub(crate) crates: &'static [&'static str],
    /// Parts of the standard library it may not use.
    pub(crate) without: &'static [&'static str],
}

/// The files that know everybody.
pub(crate) const EVERYBODY: [&str; 4] = ["app", "cli", "lib", "main"];

/// No disk, no network, no process, no clock: all it knows came as an argument.
const PURE: &[&str] = &["env", "fs", "net", "process", "thread", "time::Instant", "time::SystemTime"];
/// The time comes as an argument.
const TOLD_THE_TIME: &[&str] = &["net", "process", "time::Instant", "time::SystemTime"];

/// As before, but it may measure how long it waited.
const WAITS_A_MOMENT: &[&str] = &["net", "process", "time::SystemTime"];

/// What a dialect may import.
const STREET: &[&str] = &["model", "media", "relay", "desk", "net"];
/// What a dialect may not do.
const NO_FILES: &[&str] = &["fs", "process"];
/// What SMTP needs, in and out.
const SMTP: &[&str] = &[
    "arc_swap",
    "bytes",
    "dashmap",
    "data_encoding",
    "governor",
    "idna",
    "mail_auth",
    "memchr",
    "metrics",
    "psl",
    "ring",
    "rustls",
    "serde",
    "thiserror",
    "tokio",
    "tokio_rustls",
    "tracing",
    "webpki_roots",
];

pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "model",
        imports: &[],
        crates: &["bytes", "data_encoding", "idna", "jiff", "ring", "serde", "serde_json", "thiserror", "zeroize"],
        without: &["env", "fs", "net", "process", "thread", "time::Instant"],
    },
    Room {
        name: "detect",
        imports: &["model"],
        crates: &[
            "idna",
            "memchr",
            "psl",
            "regex",
            "rlibphonenumber",
            "serde",
            "serde_json",
            "thiserror",
            "toml",
            "unicode_normalization",
            "zeroize",
        ],
        without: PURE,
    },
    Room {
        name: "media",
        imports: &["model"],
        crates: &[
            "ammonia",
            "bytes",
            "data_encoding",
            "hayro",
            "image",
            "lol_html",
            "mail_auth",
            "mail_parser",
            "memchr",
            "rten",
            "rten_tensor",
            "serde",
            "thiserror",
            "zxingcpp",
        ],
        without: PURE,
    },
    Room {
        name: "sandbox",
        imports: &["model", "media"],
        crates: &[
            "bytes",
            "data_encoding",
            "image",
            "ring",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
        ],
        without: &["net"],
    },
    // It runs the operator's programs and connects to the operator's endpoints.
    Room {
        name: "judges",
        imports: &["model", "net"],
        crates: &[
            "bytes",
            "data_encoding",
            "futures_util",
            "http_body_util",
            "hyper",
            "metrics",
            "ring",
            "serde",
            "serde_json",
            "tokio",
            "tokio_rustls",
            "tracing",
        ],
        without: &["env", "thread", "time::SystemTime"],
    },
    Room { name: "policy", imports: &["model"], crates: &["serde", "thiserror", "toml"], without: PURE },
    Room {
        name: "vault",
        imports: &["model"],
        // rustls reads PEM.
        crates: &["arc_swap", "data_encoding", "ring", "rustls", "serde", "subtle", "thiserror", "toml", "zeroize"],
        without: TOLD_THE_TIME,
    },
    Room {
        name: "store",
        imports: &["model"],
        crates: &["bytes", "metrics", "ring", "rusqlite", "serde_json", "thiserror", "tokio", "tracing"],
        without: WAITS_A_MOMENT,
    },
    Room {
        name: "store/postgres",
        imports: &["model", "store"],
        crates: &["bytes", "thiserror", "tokio", "tokio_postgres", "tracing"],
        without: WAITS_A_MOMENT,
    },
    Room {
        name: "relay",
        imports: &["model", "detect", "media", "sandbox", "judges", "policy", "vault", "store"],
        crates: &["arc_swap", "bytes", "dashmap", "data_encoding", "metrics", "ring", "serde_json", "tokio", "tracing"],
        without: PURE,
    },
    Room {
        name: "desk",
        imports: &["model", "policy", "vault", "store", "evidence", "detect", "sandbox"],
        crates: &[
            "dashmap",
            "data_encoding",
            "metrics",
            "psl",
            "ring",
            "serde",
            "serde_json",
            "thiserror",
            "tracing",
            "zeroize",
        ],
        without: PURE,
    },
    Room {
        name: "evidence",
        imports: &["model"],
        crates: &[
            "data_encoding",
            "dejavu",
            "miniz_oxide",
            "ring",
            "serde",
            "serde_json",
            "subsetter",
            "thiserror",
            "ttf_parser",
            "zip",
        ],
        without: PURE,
    },
    Room {
        name: "evidence/export",
        imports: &["model", "vault", "store", "media", "evidence"],
        crates: &["data_encoding", "serde_json"],
        without: PURE,
    },
    Room { name: "channel", imports: STREET, crates: &[], without: NO_FILES },
    Room {
        name: "channel/api",
        imports: STREET,
        crates: &[
            "arc_swap",
            "bytes",
            "data_encoding",
            "futures_util",
            "governor",
            "http_body_util",
            "hyper",
            "hyper_util",
            "matchit",
            "metrics",
            "metrics_exporter_prometheus",
            "ring",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tracing",
            "utoipa",
        ],
        without: NO_FILES,
    },
    // A connection, whatever is answered on it.
    Room {
        name: "channel/https",
        imports: &["net"],
        crates: &["bytes", "http_body_util", "hyper", "hyper_util", "metrics", "tokio", "tokio_rustls", "tracing"],
        without: NO_FILES,
    },
    Room {
        name: "channel/proxy",
        imports: &["model", "media", "relay", "desk", "net"],
        crates: &[
            "bytes",
            "data_encoding",
            "form_urlencoded",
            "futures_util",
            "http_body_util",
            "hyper",
            "hyper_rustls",
            "hyper_util",
            "matchit",
            "memchr",
            "metrics",
            "multer",
            "ring",
            "rustls",
            "serde",
            "serde_json",
            "tokio",
            "tokio_rustls",
            "tokio_tungstenite",
            "tracing",
        ],
        without: NO_FILES,
    },
    // Its own CA may be in a file, which net reads.
    Room {
        name: "channel/webhook",
        imports: STREET,
        crates: &[
            "bytes",
            "http_body_util",
            "hyper",
            "metrics",
            "serde",
            "serde_json",
            "tokio",
            "tokio_rustls",
            "tracing",
        ],
        without: NO_FILES,
    },
    Room {
        name: "channel/sms",
        imports: &["model", "relay", "net"],
        crates: &[
            "bytes",
            "data_encoding",
            "form_urlencoded",
            "governor",
            "http_body_util",
            "hyper",
            "metrics",
            "ring",
            "serde",
            "serde_json",
            "tokio",
            "tokio_rustls",
            "tracing",
        ],
        without: NO_FILES,
    },
    Room { name: "channel/smtp", imports: STREET, crates: SMTP, without: NO_FILES },
    // The local mailbox is a folder; a smart host may have a CA of its own in a file.
    Room { name: "channel/smtp/mailbox", imports: STREET, crates: SMTP, without: &["process"] },
    Room { name: "channel/smtp/send", imports: STREET, crates: SMTP, without: &["process"] },
    // Policies of domains are on web servers.
    Room {
        name: "channel/smtp/sts",
        imports: STREET,
        crates: &["bytes", "dashmap", "http_body_util", "hyper", "hyper_util", "rustls", "tokio", "tokio_rustls"],
        without: NO_FILES,
    },
    Room { name: "console", imports: &["model", "desk", "net"], crates: &[], without: PURE },
    Room {
        name: "net",
        imports: &["model"],
        crates: &[
            "arc_swap",
            "bytes",
            "dashmap",
            "governor",
            "hickory_resolver",
            "http_body_util",
            "hyper",
            "hyper_util",
            "metrics",
            "rcgen",
            "ring",
            "rustls",
            "serde",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tracing",
            "webpki_roots",
        ],
        without: &["process"],
    },
    Room {
        name: "settings",
        imports: &["model"],
        crates: &["serde", "thiserror", "toml"],
        without: &["net", "process"],
    },
    Room {
        name: "telemetry",
        imports: &["model"],
        crates: &["metrics", "metrics_exporter_prometheus", "tracing", "tracing_subscriber"],
        without: &["net", "process"],
    },
];
