//! Mail to a handle that a buyer gave to somebody else than the seller.

use bytes::Bytes;

use super::{
    Smtp,
    proof::{Claim, Proven},
    receive::Envelope,
    reply::{self, Reply},
};
use crate::{
    desk::{
        Idempotency,
        answers::{Answer, Earlier},
    },
    media::mail,
    model::Scope,
    relay::{Route, Welcome},
};

impl Smtp {
    /// What is answered for it. Its author's domain must be proven; who is not hears of no handle.
    pub(super) async fn registered(
        &self,
        route: &Route,
        local: &str,
        envelope: &Envelope,
        opened: &mail::Opened,
        bytes: &Bytes,
    ) -> Reply {
        let claim = Claim::of(envelope, local, opened, bytes);
        let address = match self.prover.prove(self.required(&route.scope), &claim).await {
            Proven::Yes { address, .. } => address,
            Proven::NotNow => return reply::UNPROVABLE_NOW.into(),
            Proven::No => return self.not_for(route).await,
        };
        if opened.is_report || opened.report.is_some() {
            return reply::REPORT.into();
        }
        let Some(domain) = registered_domain(address.reveal()) else { return self.not_for(route).await };
        // A host that lost our answer comes again with the same bytes.
        let asked = self.desk.fingerprint(&route.scope, &[b"registration mail", local.as_bytes(), bytes], &[]);
        match self.desk.earlier(&route.scope, &asked).await {
            Ok(Earlier::Nothing) => {}
            Ok(_) => return reply::OK.into(),
            Err(fault) => return reply::of_fault(&fault),
        }
        let to = self.desk.fingerprint(&route.scope, &[b"registration handle", local.as_bytes()], &[]).key;
        if !self.terms.load().gates.may_hand_in(to) {
            return reply::TOO_MANY.into();
        }
        match self.relay.welcome(route, &domain, &opened.content).await {
            Ok(Welcome::Taken) => {
                self.remember(&route.scope, asked).await;
                reply::OK.into()
            }
            Ok(Welcome::Asked) => reply::ASKED.into(),
            Ok(Welcome::Refused(refusal)) => reply::of_refusal(&refusal),
            Ok(Welcome::Stranger) => self.not_for(route).await,
            Err(fault) => reply::of_fault(&fault),
        }
    }

    /// The letter is kept by now: where this fails, it may be there twice.
    async fn remember(&self, scope: &Scope, asked: Idempotency) {
        let answer = Answer { status: 250, body: Vec::new() };
        if let Err(fault) = self.desk.keep_answer(scope, asked, &answer).await {
            tracing::error!(fault = %fault.chain(), "remembering mail to a registration handle");
        }
    }

    async fn not_for(&self, route: &Route) -> Reply {
        match self.relay.stranger(route).await {
            Ok(()) => reply::NO_SUCH_ADDRESS.into(),
            Err(fault) => reply::of_fault(&fault),
        }
    }
}

/// Under which name somebody registered the domain of an address; `None`: it is nobody's own.
fn registered_domain(address: &str) -> Option<String> {
    let domain = idna::domain_to_ascii(address.rsplit_once('@')?.1).ok()?;
    psl::domain_str(&domain).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_whose_it_is_and_a_public_suffix_is_nobodys() {
        let cases = [
            ("news@mail.brand.co.id", Some("brand.co.id")),
            ("a@brand.example", Some("brand.example")),
            ("a@bücher.example", Some("xn--bcher-kva.example")),
            ("a@co.id", None),
            ("nobody", None),
        ];
        for (address, domain) in cases {
            assert_eq!(registered_domain(address).as_deref(), domain, "{address}");
        }
    }
}
