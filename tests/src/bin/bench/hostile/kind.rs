//! The kinds of hostile clients.

/// What the clients of one process do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Open connections and say nothing.
    Connections,
    /// Send a byte of a body each second.
    SlowBodies,
    /// Log in with another key, as fast as they are refused.
    RefusedLogins,
    /// Read what anybody may read, as fast as it comes.
    PublicRequests,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Connections, Self::SlowBodies, Self::RefusedLogins, Self::PublicRequests];

    /// Its name on a command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::SlowBodies => "slow-bodies",
            Self::RefusedLogins => "refused-logins",
            Self::PublicRequests => "public-requests",
        }
    }

    /// The kind of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
