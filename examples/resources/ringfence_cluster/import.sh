terraform import ringfence_cluster.main /var/lib/ringfence/analytics
