//! Nobody but the daemon can be the API, whatever address a service is declared with.

use std::time::Duration;

use ringfence_api::{API_NAME, Client, ClientError, Connection, Credentials};
use ringfence_pki::CertificateFacts;
use ringfence_tests::head::{TOKEN, token};
use tokio::net::TcpListener;

use super::https::Https;
use super::world::World;
use crate::impostor;

#[tokio::test]
async fn a_service_at_the_apis_address_is_not_taken_for_the_api() {
    let world = World::with_nodes().await;
    let service = world.held_by("head", "services/query");
    let names = CertificateFacts::read(&service.leaf()).unwrap().alternative_names;
    assert!(names.contains(&"127.0.0.1".to_owned()) && !names.contains(&API_NAME.to_owned()), "{names:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let connection = Connection { endpoint, ..world.head.connection() };
    let calling = async {
        // Whoever looks at the address only is served.
        assert_eq!(Https::public(&connection).get("/v1/health").await.status, 200);
        let chain = service.chain.clone();
        for credentials in [
            Credentials::Public,
            Credentials::Operator(token(TOKEN).key()),
            Credentials::Certificate { chain, private_key: service.key.clone() },
        ] {
            let client = Client::new(connection.clone(), credentials, Duration::from_secs(5)).unwrap();
            for error in [client.health().await.map(drop).unwrap_err(), client.cluster().await.map(drop).unwrap_err()] {
                assert!(matches!(error, ClientError::NotTheApi { .. }), "{error:?}");
            }
        }
    };
    tokio::select! {
        () = impostor::serve(listener, &service) => panic!("the listener is closed"),
        () = calling => {}
    }
}
