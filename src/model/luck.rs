use ring::rand::{SecureRandom, SystemRandom};

use super::Fault;

/// Where randomness comes from: the system in service, a seed in simulations.
pub trait Luck: Send + Sync {
    /// Fills `bytes` with randomness fit for keys and handles.
    ///
    /// # Errors
    /// A [`Fault`] when the system has none to give; nothing may be minted then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault>;
}

/// The operating system's generator.
#[derive(Debug)]
pub struct SystemLuck(SystemRandom);

impl SystemLuck {
    /// Opens the generator.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemLuck {
    fn default() -> Self {
        Self::new()
    }
}

impl Luck for SystemLuck {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.0.fill(bytes).map_err(|_| Fault::plain("drawing randomness"))
    }
}
