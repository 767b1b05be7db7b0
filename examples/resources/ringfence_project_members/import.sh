# In the provider's cluster:
terraform import ringfence_project_members.fraud fraud
# In a local cluster:
terraform import ringfence_project_members.fraud fraud@/var/lib/ringfence/analytics
