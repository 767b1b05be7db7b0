data "ringfence_aws_network_check" "prod" {
  vpc_id             = "vpc-0a1b2c3d4e5f60718"
  subnet_ids         = ["subnet-0a1b2c3d4e5f60718"]
  security_group_ids = ["sg-0a1b2c3d4e5f60718"]
  ignore             = ["port_80"] # certificates are not signed publicly here
  severity           = "error"
}
