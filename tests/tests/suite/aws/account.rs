//! An account for a test: the double, and Terraform that reaches it as the administrator.

use ringfence_aws_double::{ADMINISTRATOR, AwsDouble, Python};
use ringfence_tests::sandbox::installed;
use ringfence_tests::{Sandbox, Terraform};
use serde_json::Value;

/// An account with nothing in it.
pub(super) struct Account {
    _sandbox: Sandbox,
    pub(super) double: AwsDouble,
    pub(super) terraform: Terraform,
}

impl Account {
    pub(super) async fn new() -> Self {
        let sandbox = Sandbox::new();
        let double = AwsDouble::start(&installed("aws")).await;
        let terraform = reaching(&Terraform::new(sandbox.path()).with_token(None), ADMINISTRATOR);
        Self { _sandbox: sandbox, double, terraform }
    }

    /// Replaces the configuration.
    pub(super) fn write(&self, configuration: &str) {
        let endpoint = self.double.endpoint();
        self.terraform.write(&format!(
            "terraform {{
  required_providers {{ ringfence = {{ source = \"ringfence/ringfence\" }} }}
}}
provider \"ringfence\" {{ aws = {{ region = \"eu-north-1\", endpoint_url = \"{endpoint}\" }} }}
{configuration}"
        ));
    }

    /// Runs a script with boto3, which finds `client(service)`; what it prints as JSON is returned. Past the proxy, so
    /// that it sees and does what somebody else would.
    pub(super) async fn by_hand(&self, script: &str) -> Value {
        boto3(self.double.moto_endpoint(), ADMINISTRATOR, script).await
    }

    /// The actions that changed something since they were last forgotten.
    pub(super) fn changes(&self) -> Vec<String> {
        self.double.calls().into_iter().filter(|call| call.changes).map(|call| call.action).collect()
    }
}

/// Terraform with these keys and nothing of the machine's own configuration.
pub(super) fn reaching(terraform: &Terraform, access_key: &str) -> Terraform {
    terraform
        .with_env("AWS_ACCESS_KEY_ID", access_key)
        .with_env("AWS_SECRET_ACCESS_KEY", "not-looked-at")
        .with_env("AWS_EC2_METADATA_DISABLED", "true")
        .with_env("AWS_CONFIG_FILE", "/dev/null")
        .with_env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
}

/// Runs a script with boto3 against an endpoint. It finds `client(service)`, and `tries(f)`, which is `ok` or the code
/// of the error.
pub(super) async fn boto3(endpoint: &str, access_key: &str, script: &str) -> Value {
    const HEAD: &str = "import boto3, botocore, json, os\n\
        from botocore.exceptions import ClientError\n\
        def client(service, **keys):\n    \
            return boto3.client(service, endpoint_url=os.environ['ENDPOINT'], region_name='eu-north-1', **keys)\n\
        def tries(call):\n    \
            try:\n        \
                call()\n        \
                return 'ok'\n    \
            except ClientError as error:\n        \
                return error.response['Error']['Code']\n";
    let environment =
        [("ENDPOINT", endpoint), ("AWS_ACCESS_KEY_ID", access_key), ("AWS_SECRET_ACCESS_KEY", "not-looked-at")];
    let said = Python::shared(&installed("aws")).run(&format!("{HEAD}{script}"), &environment).await;
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    said.lines().last().map_or(Value::Null, |last| serde_json::from_str(last).unwrap_or(Value::Null))
}
