//! The provider block, and all that the provider has.

use ringfence_api::OperatorToken;
use ringfence_api::client::check_identity;
#[cfg(feature = "aws")]
use tfplugin_rs::Field as _;
use tfplugin_rs::prelude::*;

use crate::connection::ConnectionModel;
use crate::operator_token::{self, Token};
use crate::ringfence::Ringfence;

/// The provider.
pub(crate) struct RingfenceProvider;

/// Declares AI-platform clusters that hold sensitive data, their projects and members.
///
/// The operator's token never leaves the machine that runs Terraform. The provider derives a signing key from it, gives
/// clusters the public half, and logs in by a signature. The token is not written to state.
#[derive(Clone, Model)]
pub(crate) struct ProviderModel {
    /// The operator's token: at least 256 random bits, in hexadecimal or base64, such as `openssl rand -hex 32` prints.
    /// Default: the environment variable `RINGFENCE_TOKEN`.
    #[tf(optional, sensitive)]
    token: Value<String>,
    /// Certificate of a project user, with its intermediate, in PEM, such as that of an ephemeral
    /// `ringfence_certificate`. With it the provider acts as that user, and without it as the operator. A data owner
    /// may manage the members of the project.
    #[tf(optional)]
    certificate: Value<String>,
    /// Private key of `certificate`, PKCS #8 in PEM.
    #[tf(optional, sensitive)]
    private_key: Value<String>,
    /// The cluster of resources that do not name one: the `connection` of a `ringfence_cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// How resources in an AWS account reach AWS. Default: as the AWS CLI does, by its environment variables and shared
    /// configuration.
    #[tf(optional)]
    aws: Value<AwsProviderModel>,
}

/// How AWS is reached.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct AwsProviderModel {
    /// Region, such as `eu-north-1`.
    #[tf(optional, validate = check(ringfence_policy::aws::Region::parse))]
    region: Value<String>,
    /// Profile of the shared configuration.
    #[tf(optional)]
    profile: Value<String>,
    /// Address of all services, such as that of a test double.
    #[tf(optional)]
    endpoint_url: Value<String>,
    /// Role to assume first.
    #[tf(optional)]
    assume_role: Value<AssumeRoleModel>,
}

/// A role to assume.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct AssumeRoleModel {
    /// ARN of the role.
    #[tf(required, validate = check(ringfence_policy::aws::Principal::parse))]
    role_arn: Value<String>,
    /// External id that its trust policy asks for.
    #[tf(optional)]
    external_id: Value<String>,
}

impl AwsProviderModel {
    /// The settings, when all of them are known.
    #[cfg(feature = "aws")]
    fn settings(&self) -> Option<ringfence_place::aws::AwsSettings> {
        let text = |value: &Value<String>| value.as_str().map(str::to_owned);
        let role = self.assume_role.known().map(|role| ringfence_place::aws::AssumeRole {
            role_arn: text(&role.role_arn).unwrap_or_default(),
            external_id: text(&role.external_id),
        });
        self.encode().is_wholly_known().then(|| ringfence_place::aws::AwsSettings {
            region: text(&self.region),
            profile: text(&self.profile),
            endpoint_url: text(&self.endpoint_url),
            assume_role: role,
        })
    }
}

impl Provider for RingfenceProvider {
    type Model = ProviderModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence";
    const SOURCE: &'static str = "ringfence/ringfence";

    fn register(&self, registry: &mut Registry<Ringfence>) {
        crate::authority::register(registry);
        crate::aws_cross_account_policy::register(registry);
        #[cfg(feature = "aws")]
        crate::aws_cross_account_role::register(registry);
        crate::aws_external_id::register(registry);
        #[cfg(feature = "aws")]
        crate::aws_instance_profile::register(registry);
        crate::aws_instance_profile_policy::register(registry);
        #[cfg(feature = "aws")]
        crate::aws_network_check::register(registry);
        crate::aws_trust_policy::register(registry);
        #[cfg(feature = "aws")]
        crate::aws_verification::register(registry);
        crate::certificate::register(registry);
        crate::cluster::register(registry);
        crate::node::register(registry);
        crate::project::register(registry);
        crate::project_member::register(registry);
        crate::project_members::register(registry);
        crate::project_user::register(registry);
        crate::token::register(registry);
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
        let token = Token::new(&config.token, std::env::var_os(operator_token::VARIABLE));
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
        let data = Ringfence::new(token, certificate, config.cluster);
        #[cfg(feature = "aws")]
        let data = match &config.aws {
            Value::Known(aws) => data.with_aws(aws.settings()),
            Value::Null => data.with_aws(Some(ringfence_place::aws::AwsSettings::default())),
            Value::Unknown => data.with_aws(None),
        };
        Ok(data)
    }
}
