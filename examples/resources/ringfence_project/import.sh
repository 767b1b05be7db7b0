# In the provider's cluster:
terraform import ringfence_project.fraud fraud
# In a local cluster:
terraform import ringfence_project.fraud fraud@/var/lib/ringfence/analytics
