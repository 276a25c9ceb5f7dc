"""What rules and pages rely on and the code does not have yet. Whatever it has by now is to be deleted here."""

# name, type, labels
METRICS = """
tocsin_alert_latency_seconds histogram stage
tocsin_canary_duration_seconds histogram
tocsin_canary_last_success_timestamp_seconds gauge
tocsin_classification_score histogram topic
tocsin_config_last_reload_successful gauge file
tocsin_config_last_reload_timestamp_seconds gauge file
tocsin_delivery_duration_seconds histogram subscription
tocsin_endpoint_waiting gauge subscription
tocsin_endpoints gauge state
tocsin_entries_classified_total counter
tocsin_feed_age_seconds gauge feed
tocsin_feed_staleness_seconds gauge quantile
tocsin_redis_keys gauge
tocsin_redis_memory_bytes gauge kind
tocsin_streams_pending gauge group
tocsin_workers gauge state
"""
SETTINGS = {"TOCSIN_CANARY_SECONDS"}
# What the reference will call `max` over processes.
SHARED = {
    "tocsin_alerts_total",
    "tocsin_canary_last_success_timestamp_seconds",
    "tocsin_classification_score",
    "tocsin_classifications_total",
    "tocsin_dead_letters",
    "tocsin_endpoint_state",
    "tocsin_endpoint_waiting",
    "tocsin_endpoints",
    "tocsin_feed_age_seconds",
    "tocsin_feed_staleness_seconds",
    "tocsin_feeds",
    "tocsin_job_duration_seconds",
    "tocsin_queue_depth",
    "tocsin_queue_oldest_job_age_seconds",
    "tocsin_redis_keys",
    "tocsin_redis_memory_bytes",
    "tocsin_story_decisions_total",
    "tocsin_streams_pending",
    "tocsin_workers",
}
