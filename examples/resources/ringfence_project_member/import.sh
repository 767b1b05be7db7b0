# In the provider's cluster:
terraform import ringfence_project_member.alice fraud__alice
# In a local cluster:
terraform import ringfence_project_member.alice fraud__alice@/var/lib/ringfence/analytics
