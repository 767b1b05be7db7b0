//! `make demo`: tells the story of `examples/local` on this machine.
//!
//! `KEEP=1` leaves the cluster up and says how to use it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use ringfence_tests::Terraform;
use ringfence_tests::sandbox::program;
use ringfence_tests::story::{Line, Story};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let began = Instant::now();
    match demo().await {
        Ok(()) => {
            println!("\nEverything holds. It took {} s.", began.elapsed().as_secs());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nThe demo ended early: {error:#}");
            eprintln!("What is left of it is in target/demo; `make demo` removes it before it begins again.");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "KEEP is the demo's one switch")]
async fn demo() -> Result<()> {
    let keep = std::env::var("KEEP").is_ok_and(|value| !value.is_empty() && value != "0");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in the workspace")?;
    let directory = workspace.join("target").join("demo");
    let token = begin_anew(&directory).await?;
    println!("A cluster on this machine, from examples/local, in {}", directory.display());
    let story = Story::new(&workspace.join("examples/local"), &directory, &token, &tell)?;
    story.tell_until_recovered().await?;
    if keep {
        say_how_to_use(&directory, &story.cluster_directory());
        return Ok(());
    }
    story.tell_the_end().await?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// Removes what an earlier demo has left, and makes a token for this one.
async fn begin_anew(directory: &Path) -> Result<String> {
    let file = directory.join("token");
    if let Ok(token) = std::fs::read_to_string(&file) {
        println!("Removing the cluster of an earlier demo.");
        let outcome =
            Terraform::new(directory).with_token(Some(token.trim())).destroy(&["-target=ringfence_cluster.main"]).await;
        if outcome.code != 0 {
            // Its head may be dead: bring it back, then remove it.
            let terraform = Terraform::new(directory).with_token(Some(token.trim()));
            terraform.apply(&[]).await;
            let outcome = terraform.destroy(&[]).await;
            anyhow::ensure!(outcome.code == 0, "it cannot be removed:\n{}{}", outcome.stdout, outcome.stderr);
        }
        std::fs::remove_dir_all(directory)?;
    }
    std::fs::create_dir_all(directory)?;
    let mut bytes = [0_u8; 32];
    let mut random = std::fs::File::open("/dev/urandom").context("there is no /dev/urandom to make a token from")?;
    std::io::Read::read_exact(&mut random, &mut bytes)?;
    let token = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create_new(true).write(true).open(&file)?.write_all(token.as_bytes())?;
    Ok(token)
}

fn tell(line: Line) {
    match line {
        Line::Step(text) => println!("\n{text}"),
        Line::Doing(text) => println!("   … {text}"),
        Line::Holds(text) => println!("   ✓ {text}"),
    }
}

fn say_how_to_use(directory: &Path, cluster: &Path) {
    let ringfenced: PathBuf = program("ringfenced");
    let (directory, cluster, ringfenced) = (directory.display(), cluster.display(), ringfenced.display());
    println!(
        "\nThe cluster is left up. To use it:\n\n\
         \x20  cd {directory}\n\
         \x20  export RINGFENCE_TOKEN=$(cat token) TF_CLI_CONFIG_FILE={directory}/.terraformrc\n\
         \x20  terraform plan\n\
         \x20  {ringfenced} inspect nodes --cluster {cluster}\n\
         \x20  {ringfenced} credentials fraud__alice --cluster {cluster}\n\
         \x20  curl --cacert ca.pem --cert fraud__alice.crt --key fraud__alice.key \
         $(cat {cluster}/head/endpoint)/v1/whoami\n\
         \x20  terraform destroy"
    );
}
