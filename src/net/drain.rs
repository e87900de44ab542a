use tokio::sync::watch;

/// The order to finish: given once, heard by everyone who holds a [`Draining`].
#[derive(Debug)]
pub struct Drain(watch::Sender<bool>);

impl Drain {
    /// Nothing drains yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// An ear for it.
    pub fn draining(&self) -> Draining {
        Draining(self.0.subscribe())
    }

    /// Gives the order.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

/// Hears when to finish.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<bool>);

impl Draining {
    /// Returns once the order is given, or nobody is left who could give it.
    pub async fn begun(&mut self) {
        let _ = self.0.wait_for(|begun| *begun).await;
    }

    /// Whether it was given.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }
}
