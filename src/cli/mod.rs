//! One file a command. What a command answers goes to stdout, everything else to stderr; 0 is
//! done, 1 failed, 2 wrong usage or settings.
//!
//! # Security
//! Knows every room. `scrub` and `worker` touch neither store nor keys.

mod check;
mod clean;
mod demo;
mod evidence;
mod explain;
mod forget;
mod house;
mod import;
mod incident;
mod keys;
mod learn;
mod mail;
mod mailbox;
mod person;
mod say;
pub mod scrub;
mod serve;
mod tenants;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{channel::api, desk::Declined, model::Fault, settings::Wrong};

/// A relay that keeps sellers and buyers apart and lets them talk.
#[derive(Debug, Parser)]
#[command(name = "tabir", version, arg_required_else_help = true)]
struct Line {
    /// The settings file; without one the embedded defaults serve.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the relay.
    Serve,
    /// Plays a story over real sockets, tells what each side saw, then keeps serving.
    Demo(demo::Demo),
    /// Shows the local mailbox that outgoing mail is kept in until a route is set.
    Mailbox(mailbox::Mailbox),
    /// Cleans a text, a mail, a page or a picture; or texts line by line with --jsonl.
    Scrub(clean::Scrub),
    /// Reads settings and rules, tells every fault and what is not protected yet.
    Check,
    /// The key ring.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Keys and DNS records of outgoing mail; what would become of a mail.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Evidence bundles.
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    /// Puts a marketplace's people, orders, conversations and reviews in.
    Import(import::Import),
    /// Makes a table of learned intent from labelled lines.
    Learn(learn::Learn),
    /// Erases a person: what they wrote and who they are can be opened no more.
    Forget(forget::Forget),
    /// What is held about a person.
    #[command(subcommand)]
    Person(person::Person),
    /// After a token or a key was lost.
    #[command(subcommand)]
    Incident(incident::Incidents),
    /// Marketplaces.
    #[command(subcommand)]
    Marketplace(tenants::Marketplaces),
    /// API tokens.
    #[command(subcommand)]
    Token(tenants::Tokens),
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Opens hostile pictures for the relay, which starts it.
    #[command(hide = true)]
    Worker {
        /// The folder of the models that read words.
        #[arg(long)]
        models: Option<PathBuf>,
    },
}

/// Why a command ended without doing its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong usage: what and how it should be.
    Usage(String),
    /// Wrong settings, all at once.
    Settings(Vec<Wrong>),
    /// It failed.
    Fault(Fault),
    /// It was done and the answer is no; everything was said.
    No,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Declined> for Failure {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::NotFound => Self::Fault(Fault::plain("looking for what was named: there is no such thing")),
            Declined::Wrong(wrong) | Declined::Unfit(wrong) => Self::Usage(wrong.to_string()),
            Declined::OtherParties => Self::Usage("it is there with another buyer or seller".to_owned()),
            Declined::Restricted => Self::Usage("the person had the use of their data restricted".to_owned()),
            Declined::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(Fault::new("reading or writing", error))
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let line = Line::parse();
    match act(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure),
    }
}

fn act(line: Line) -> Result<(), Failure> {
    let config = line.config.as_deref();
    match line.command {
        Command::Serve => serve::serve(config),
        Command::Demo(demo) => demo.run(config),
        Command::Mailbox(mailbox) => mailbox.run(config),
        Command::Scrub(scrub) => scrub.run(config),
        Command::Check => check::check(config),
        Command::Keys(keys) => keys.run(config),
        Command::Mail(mail) => mail.run(config),
        Command::Evidence(evidence) => evidence.run(config),
        Command::Import(import) => import.run(config),
        Command::Learn(learn) => learn.run(config),
        Command::Forget(forget) => forget.run(config),
        Command::Person(person) => person.run(config),
        Command::Incident(incident) => incident.run(config),
        Command::Marketplace(marketplaces) => marketplaces.run(config),
        Command::Token(tokens) => tokens.run(config),
        Command::Openapi => say::out(&api::openapi_json()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Line::command(), "tabir", &mut script);
            say::out(&String::from_utf8_lossy(&script))
        }
        Command::Worker { models } => {
            match crate::sandbox::serve_worker(std::io::stdin(), std::io::stdout(), models.as_deref()) {
                code if code == ExitCode::SUCCESS => Ok(()),
                _ => Err(Failure::No),
            }
        }
    }
}

fn end(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Usage(why) => {
            say::err(why);
            ExitCode::from(2)
        }
        Failure::Settings(wrong) => {
            for fault in wrong {
                say::err(&fault.to_string());
            }
            ExitCode::from(2)
        }
        Failure::Fault(fault) => {
            say::err(&fault.chain());
            ExitCode::FAILURE
        }
        Failure::No => ExitCode::FAILURE,
    }
}
