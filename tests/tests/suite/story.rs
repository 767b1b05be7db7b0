//! Everything that the demo shows.

use std::path::Path;

use ringfence_tests::Sandbox;
use ringfence_tests::head::TOKEN;
use ringfence_tests::story::Story;

#[tokio::test]
async fn what_the_demo_shows_holds() {
    let sandbox = Sandbox::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/local");
    let story = Story::new(&example, sandbox.path(), TOKEN, &|_| ()).unwrap();
    if let Err(error) = story.tell_until_recovered().await {
        panic!("{error:#}");
    }
    if let Err(error) = story.tell_the_end().await {
        panic!("{error:#}");
    }
}
