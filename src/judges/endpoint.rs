//! A judge that is asked over HTTP/1.1, its connections kept.

use std::{
    fs,
    net::IpAddr,
    path::Path,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use tokio_rustls::TlsConnector;

use super::{
    JudgeSettings,
    wire::{ANSWER, Answer, Failure, Question},
};
use crate::{
    model::Fault,
    net::{Dns, Line, Url, is_public, tls_client},
};

pub(super) struct Endpoint {
    url: Url,
    private: bool,
    authorization: Option<HeaderValue>,
    tls: TlsConnector,
    dns: Dns,
    idle: Mutex<Vec<Line>>,
}

/// Why an exchange did not end in an answer.
enum Ended {
    /// The connection did not hold.
    Gone,
    /// What came back is no answer.
    Nonsense,
}

impl Endpoint {
    /// # Errors
    /// When a file of certificates or a token can not be read.
    pub(super) fn new(url: &Url, settings: &JudgeSettings, dns: &Dns) -> Result<Self, Fault> {
        let tls = tls_client(settings.ca.as_deref(), "preparing TLS for a judge")?;
        let authorization = settings.token.as_deref().map(bearer).transpose()?;
        let private = settings.private;
        Ok(Self { url: url.clone(), private, authorization, tls, dns: dns.clone(), idle: Mutex::default() })
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        // A kept connection may have been closed meanwhile: that is nobody's answer.
        while let Some(line) = self.kept() {
            match self.exchange(line, question.bytes.clone()).await {
                Ok(said) => return question.answer(&said),
                Err(Ended::Gone) => {}
                Err(Ended::Nonsense) => return Err(Failure::Broken),
            }
        }
        let line = self.connect().await.ok_or(Failure::Broken)?;
        let said = self.exchange(line, question.bytes.clone()).await.map_err(|_| Failure::Broken)?;
        question.answer(&said)
    }

    async fn exchange(&self, mut line: Line, body: Bytes) -> Result<Bytes, Ended> {
        line.ready().await.map_err(|_| Ended::Gone)?;
        let request = self.request(body).ok_or(Ended::Nonsense)?;
        let response = line.send_request(request).await.map_err(|_| Ended::Gone)?;
        // Nothing but 200 is an answer; above all nobody is followed elsewhere.
        if response.status() != StatusCode::OK {
            return Err(Ended::Nonsense);
        }
        let said = Limited::new(response.into_body(), ANSWER).collect().await.map_err(|_| Ended::Nonsense)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(said.to_bytes())
    }

    fn request(&self, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let request =
            Request::post(&self.url.path).header(HOST, self.url.authority()).header(CONTENT_TYPE, "application/json");
        let request = match &self.authorization {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        };
        request.body(Full::new(body)).ok()
    }

    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|line| !line.is_closed())
    }

    async fn connect(&self) -> Option<Line> {
        // Plain HTTP is for this machine alone.
        let may = |ip: IpAddr| (self.private || is_public(ip)) && (self.url.secure || ip.is_loopback());
        self.url.reach(&self.dns, &self.tls, may).await.ok()
    }
}

fn bearer(file: &Path) -> Result<HeaderValue, Fault> {
    const DOING: &str = "reading the token of a judge";
    let token = fs::read_to_string(file).map_err(|e| Fault::new(DOING, e))?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(|e| Fault::new(DOING, e))?;
    value.set_sensitive(true);
    Ok(value)
}
