//! Acknowledged changes survive a crash: the daemon is killed repeatedly, right after its answer is read.

use ringfence_api::ProblemCode;
use ringfence_api::certificate::Certificate;
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_tests::eventually;

use super::https::Pem;
use super::world::{SOON, World, project, user};

const ROUNDS: usize = 10;

/// Every certificate, from the API.
async fn certificates(world: &World) -> Vec<Certificate> {
    world.client.read("/v1/certificates?limit=1000").await.unwrap()
}

#[tokio::test]
async fn an_acknowledged_member_survives_a_kill_with_its_certificate_and_audit_row() {
    let mut world = World::new().await;
    let fraud = project("fraud");
    world.client.put_project(&fraud, &PutProject::default()).await.unwrap();
    let mut serials: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let role = MemberRole::ALL[round % 2];
        let name = user(&format!("user{round}"));
        let member = world.client.put_member(&fraud, &name, &PutMember { role }).await.unwrap();
        world.head.kill().await;
        world.head.restart(&[]).await;
        assert_eq!(world.client.member(&fraud, &name).await.unwrap(), member);
        let credentials = world.client.member_credentials(&fraud, &name).await.unwrap();
        let rows = world.audit().await;
        let row = rows.iter().rfind(|row| row.action == "put_member").unwrap();
        assert_eq!(row.object, format!("fraud__user{round}"));
        assert_eq!(row.outcome, format!("{role}, certificate {}", credentials.serial));
        assert!(world.holder(&Pem::from(&credentials)).get("/v1/whoami").await.served()["name"] == row.object);
        serials.push(credentials.serial);
        for (earlier, serial) in serials.iter().enumerate() {
            let now = world.client.member_credentials(&fraud, &user(&format!("user{earlier}"))).await.unwrap();
            assert_eq!(now.serial, *serial, "the certificate of user{earlier} is another one");
        }
        assert_eq!(
            world.client.read::<Vec<serde_json::Value>>("/v1/projects/fraud/members").await.unwrap().len(),
            round + 1
        );
    }
    let rows = world.audit().await;
    assert!((1..).zip(&rows).all(|(expected, row)| row.sequence == expected), "the log has a gap");
    let members = certificates(&world).await;
    let members = members.iter().filter(|certificate| certificate.common_name.starts_with("fraud__"));
    assert_eq!(members.count(), ROUNDS, "a certificate was issued for nobody");
}

#[tokio::test]
async fn an_acknowledged_removal_survives_a_kill_and_is_listed_afterwards() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..ROUNDS / 2).map(|round| format!("user{round}")).collect();
    world.people("fraud", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for name in &names {
        let credentials = world.credentials("fraud", name).await;
        world.client.delete_member(&project("fraud"), &user(name)).await.unwrap();
        world.head.kill().await;
        world.head.restart(&[]).await;
        let holder = world.holder(&Pem::from(&credentials));
        holder.get("/v1/whoami").await.refused(ProblemCode::CertificateRevoked);
        let serial = ringfence_pki::Serial::parse(&credentials.serial).unwrap();
        let public = super::https::Https::public(&world.head.connection());
        eventually("the revocation is listed", SOON, async || {
            let crl = public.get("/v1/crls/projects-1/0").await.bytes;
            let listed = crl.windows(15).any(|bytes| bytes == &serial.as_bytes()[1..]);
            if listed { Ok(()) } else { Err(format!("{serial} is not")) }
        })
        .await;
    }
}
