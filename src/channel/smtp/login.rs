//! AUTH PLAIN, LOGIN and SCRAM-SHA-256 (RFC 4954, RFC 7677), under TLS alone.

use data_encoding::BASE64;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    reply, scram,
    session::{Conversation, Next},
    wire::Gone,
};
use crate::{model::Secret, relay::Speaker};

/// Who logs in, as the client says.
pub(super) struct Credentials {
    user: Secret<String>,
    password: Secret<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    /// Obeys AUTH.
    pub(super) async fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Result<Next, Gone> {
        if !self.is_secure() {
            self.say("538 5.7.11 TLS is needed before AUTH");
            return Ok(Next::Command);
        }
        if !self.may_auth() {
            self.say(reply::OUT_OF_ORDER);
            return Ok(Next::Command);
        }
        if !self.terms().gates.may_log_in(self.network()) {
            self.fail("454 4.7.0 too many logins, try again later");
            return Ok(Next::Command);
        }
        let credentials = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => self.plain(initial).await?,
            "LOGIN" => self.ask_both(initial).await?,
            "SCRAM-SHA-256" => return self.scram(initial).await,
            _ => {
                self.say("504 5.5.4 mechanism not known");
                return Ok(Next::Command);
            }
        };
        match credentials {
            Some(credentials) => self.check(&credentials).await,
            None => Ok(self.not_understood()),
        }
    }

    fn not_understood(&mut self) -> Next {
        self.say("501 5.5.2 not understood");
        Next::Command
    }

    async fn check(&mut self, credentials: &Credentials) -> Result<Next, Gone> {
        match self.smtp().relay.login(credentials.user.reveal(), credentials.password.reveal()).await {
            Ok(Some(speaker)) => Ok(self.welcome_speaker(speaker)),
            Ok(None) => Ok(self.turn_away().await),
            Err(fault) => {
                let told = reply::of_fault(&fault);
                self.say(&told);
                Ok(Next::Command)
            }
        }
    }

    fn welcome_speaker(&mut self, speaker: Speaker) -> Next {
        self.say("235 2.7.0 welcome");
        self.speaks(speaker);
        Next::Command
    }

    async fn turn_away(&mut self) -> Next {
        self.terms().gates.login_failed(self.network()).await;
        self.fail("535 5.7.8 user name or password is wrong");
        Next::Command
    }

    /// The four messages of SCRAM (RFC 5802 §5): neither side says the password, and each proves
    /// to the other that it knows it.
    async fn scram(&mut self, initial: Option<&str>) -> Result<Next, Gone> {
        let first = match initial {
            Some(given) => decode(given),
            None => self.ask("334 ").await?,
        };
        let Some(first) = first.as_ref().and_then(|first| scram::First::read(first.reveal())) else {
            return Ok(self.not_understood());
        };
        let challenge = match self.smtp().relay.challenge(&first.user).await {
            Ok(challenge) => challenge,
            Err(fault) => {
                let told = reply::of_fault(&fault);
                self.say(&told);
                return Ok(Next::Command);
            }
        };
        let Some(server_first) = first.answer(challenge.salt(), challenge.rounds()) else {
            self.say(reply::TRY_AGAIN);
            return Ok(Next::Command);
        };
        let last = self.ask(&format!("334 {}", BASE64.encode(server_first.as_bytes()))).await?;
        let Some((said, proof)) = last.as_ref().and_then(|last| first.conclude(&server_first, last.reveal())) else {
            return Ok(self.not_understood());
        };
        let Some((speaker, signature)) = challenge.answer(said.as_bytes(), &proof) else {
            return Ok(self.turn_away().await);
        };
        let server_last = format!("v={}", BASE64.encode(&signature));
        // Who does not like our signature says `*` instead of nothing.
        match self.ask(&format!("334 {}", BASE64.encode(server_last.as_bytes()))).await? {
            Some(nothing) if nothing.reveal().is_empty() => Ok(self.welcome_speaker(speaker)),
            _ => Ok(self.not_understood()),
        }
    }

    async fn plain(&mut self, initial: Option<&str>) -> Result<Option<Credentials>, Gone> {
        let given = match initial {
            Some(given) => decode(given),
            None => self.ask("334 ").await?,
        };
        Ok(given.and_then(|given| plain(given.reveal())))
    }

    async fn ask_both(&mut self, initial: Option<&str>) -> Result<Option<Credentials>, Gone> {
        let user = match initial {
            Some(given) => decode(given),
            None => self.ask("334 VXNlcm5hbWU6").await?,
        };
        let Some(user) = user else { return Ok(None) };
        let Some(password) = self.ask("334 UGFzc3dvcmQ6").await? else { return Ok(None) };
        Ok(Some(Credentials { user, password }))
    }

    /// One challenge and its answer; `None` when it is cancelled or not base64.
    async fn ask(&mut self, challenge: &str) -> Result<Option<Secret<String>>, Gone> {
        self.say(challenge);
        Ok(self.answer_line().await?.and_then(|line| decode(line.reveal())))
    }
}

fn decode(text: &str) -> Option<Secret<String>> {
    let text = if text == "=" { "" } else { text };
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    String::from_utf8(bytes).ok().map(Secret::new)
}

/// `authorization NUL user NUL password` (RFC 4616). To act for somebody else is not possible.
fn plain(text: &str) -> Option<Credentials> {
    let mut parts = text.split('\0');
    let (acts_for, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = parts.next().is_none() && (acts_for.is_empty() || acts_for == user) && !user.is_empty();
    fits.then(|| Credentials { user: user.to_owned().into(), password: password.to_owned().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_one_user_and_acts_for_nobody_else() {
        let read = |text: &str| {
            plain(decode(&BASE64.encode(text.as_bytes()))?.reveal())
                .map(|c| (c.user.reveal().clone(), c.password.reveal().clone()))
        };
        let wanted = Some(("santi".to_owned(), "pass word".to_owned()));
        assert_eq!(read("\0santi\0pass word"), wanted);
        assert_eq!(read("santi\0santi\0pass word"), wanted);
        for bad in ["", "santi", "budi\0santi\0x", "\0santi", "\0\0x", "\0a\0b\0c"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert!(decode("not base64!").is_none());
    }
}
