//! `ringfenced verify` in a program that was built without the SDKs of clouds: it says so, and what to do.

use clap::Args;

/// Verify what is set up in a cloud (not in this build: it is without the SDKs of clouds).
#[derive(Debug, Args)]
pub struct Verify {
    /// What another build would take.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

impl Verify {
    #[expect(clippy::unused_async, reason = "as in a build with the SDKs")]
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        anyhow::bail!(
            "`verify {}` needs the SDK of the cloud, and this ringfenced was built without (`ringfenced --version` \
             says so): build it with its default features, as `make install` does",
            self.rest.first().map_or("", String::as_str)
        )
    }
}
