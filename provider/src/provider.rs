//! The provider block, and all that the provider has.

use ringfence_api::OperatorToken;
use ringfence_api::client::check_identity;
use tfplugin_rs::prelude::*;

use crate::actions::publish_crls::PublishCrls;
use crate::actions::rotate_node_certificates::RotateNodeCertificates;
use crate::actions::rotate_token_keys::RotateTokenKeys;
use crate::connection::ConnectionModel;
use crate::data_sources::cluster::ClusterDataSource;
use crate::ephemeral_resources::certificate::CertificateResource;
use crate::ephemeral_resources::token::TokenResource;
use crate::functions::project_user::ProjectUserFunction;
use crate::list_resources::project::ProjectList;
use crate::list_resources::project_member::ProjectMemberList;
use crate::resources::cluster::ClusterResource;
use crate::resources::project::ProjectResource;
use crate::resources::project_member::ProjectMemberResource;
use crate::resources::project_members::ProjectMembersResource;
use crate::ringfence::Ringfence;
use crate::token::{self, Token};

/// The provider.
pub(crate) struct RingfenceProvider;

/// Declares AI-platform clusters that hold sensitive data, their projects and members.
///
/// The operator's token never leaves the machine that runs Terraform: a signing key is derived from it, clusters are
/// given the public half, and the provider logs in by signing. The token is not written to state.
#[derive(Clone, Model)]
pub(crate) struct ProviderModel {
    /// The operator's token: at least 256 random bits, in hexadecimal or base64, such as `openssl rand -hex 32` prints.
    /// Default: the environment variable `RINGFENCE_TOKEN`.
    #[tf(optional, sensitive)]
    token: Value<String>,
    /// Certificate of a project user, with its intermediate, in PEM, as from an ephemeral `ringfence_certificate`: the
    /// provider acts as that user instead of the operator. A data owner may manage the members of the project. Null is as if
    /// it were left out: the provider then acts as the operator, if there is a token.
    #[tf(optional)]
    certificate: Value<String>,
    /// Private key of `certificate`, PKCS #8 in PEM.
    #[tf(optional, sensitive)]
    private_key: Value<String>,
    /// The cluster of resources that name none: the `connection` of a `ringfence_cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
}

impl Provider for RingfenceProvider {
    type Model = ProviderModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence";
    const SOURCE: &'static str = "ringfence/ringfence";

    fn register(&self, registry: &mut Registry<Ringfence>) {
        registry.resource(ClusterResource);
        registry.resource(ProjectResource);
        registry.resource(ProjectMemberResource);
        registry.resource(ProjectMembersResource);
        registry.list_resource(ProjectList);
        registry.list_resource(ProjectMemberList);
        registry.ephemeral_resource(CertificateResource);
        registry.ephemeral_resource(TokenResource);
        registry.action(PublishCrls);
        registry.action(RotateNodeCertificates);
        registry.action(RotateTokenKeys);
        registry.data_source(ClusterDataSource);
        registry.function(ProjectUserFunction);
    }

    fn validate(&self, config: &ProviderModel, out: &mut Diagnostics) {
        if let Some(Err(error)) = config.token.known().map(|text| OperatorToken::parse(text)) {
            out.push(
                Diagnostic::error("The operator token cannot be used")
                    .detail(format!("The provider's `token` argument: {error}."))
                    .at(Path::root().attr("token")),
            );
        }
        let (certificate, key) =
            (("certificate", config.certificate.presence()), ("private_key", config.private_key.presence()));
        required_with(certificate, &[key], out);
        required_with(key, &[certificate], out);
        conflicts_with(&[("token", config.token.presence()), certificate], out);
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the provider reads the environment for its configuration"
    )]
    async fn configure(&self, _: &ConfigureContext, config: ProviderModel) -> Result<Ringfence> {
        let token = Token::new(&config.token, std::env::var_os(token::VARIABLE));
        let certificate = match (config.certificate, config.private_key) {
            (Value::Known(certificate), Value::Known(key)) => Value::Known((certificate, key)),
            (Value::Null, _) => Value::Null,
            _ => Value::Unknown,
        };
        if let Some((certificate, key)) = certificate.known().filter(|(certificate, _)| !certificate.is_empty()) {
            check_identity(certificate, key).map_err(|error| {
                Diagnostic::error("The provider's certificate cannot be used")
                    .detail(format!("`certificate` and `private_key`: {error}."))
                    .at(Path::root().attr("certificate"))
            })?;
        }
        Ok(Ringfence::new(token, certificate, config.cluster))
    }
}
