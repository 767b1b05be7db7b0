//! The committed protocol code is what the committed protocol files generate.

use std::path::Path;

#[test]
fn generated_code_matches_the_proto() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors =
        protox::compile(["tfplugin6.proto", "goplugin.proto"], [root.join("proto")]).expect("the protocol compiles");
    let out = tempfile::tempdir().expect("a directory");
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .btree_map(".")
        // Requests and responses carry secrets: nothing may print one by accident.
        .skip_debug([
            "tfplugin6.DynamicValue",
            "tfplugin6.RawState",
            "tfplugin6.OpenEphemeralResource.Response",
            "tfplugin6.RenewEphemeralResource.Request",
            "tfplugin6.RenewEphemeralResource.Response",
            "tfplugin6.CloseEphemeralResource.Request",
        ])
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("the code is generated");
    for file in ["tfplugin6.rs", "plugin.rs"] {
        let generated = std::fs::read_to_string(out.path().join(file)).expect("a generated file");
        let committed = root.join("src/proto").join(file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&committed, &generated).expect("the file is written");
        }
        let found = std::fs::read_to_string(&committed).unwrap_or_default();
        assert!(found == generated, "{file} is stale: run this test with UPDATE=1");
    }
}
