"""Help and type of every metric that the collector `kubernetes` says. Names and labels are kube-state-metrics' where
it has such.
"""

from slo.exposition.families import Family


def _table(prefix: str, **helps: str) -> dict[str, Family]:
    return {
        f"{prefix}_{name}": Family(name=f"{prefix}_{name}", type="gauge", help=text) for name, text in helps.items()
    }


FAMILIES = {
    **_table(
        "kube",
        daemonset_metadata_generation="How often what the DaemonSet should be was changed.",
        daemonset_status_observed_generation="Up to which change its controller has seen it.",
        daemonset_status_desired_number_scheduled="Nodes that should have a pod of it.",
        daemonset_status_current_number_scheduled="Nodes of those that have one.",
        daemonset_status_number_ready="Nodes of those that have one that is ready.",
        daemonset_status_number_available="Nodes of those that have one that has been ready for long enough.",
        daemonset_status_number_unavailable="Nodes of those that have none that has.",
        daemonset_status_number_misscheduled="Nodes that have a pod of it and should not.",
        daemonset_status_updated_number_scheduled="Nodes that have a pod as the DaemonSet is now.",
        pod_status_phase="The phase of a pod that is pending; always 1, and absent for others.",
        pod_status_unschedulable="That no node takes the pod; always 1.",
        horizontalpodautoscaler_spec_max_replicas="The most replicas that it may ask for.",
        horizontalpodautoscaler_spec_min_replicas="The fewest.",
        horizontalpodautoscaler_status_current_replicas="Replicas that it saw last.",
        horizontalpodautoscaler_status_desired_replicas="Replicas that it wants.",
        horizontalpodautoscaler_status_condition="Whether the condition has that status.",
        node_spec_unschedulable="Whether the node is cordoned.",
        node_status_condition="Whether the condition Ready has that status.",
    ),
    **_table(
        "watchkeep_kubernetes",
        api_ready="Whether the API server says that it is ready; absent while that is not known.",
        part_known="Whether it is known how that part of the cluster is.",
        view_age_seconds="Seconds since the API server last said how that part is; absent before it ever did.",
        pods_pending="Pods that are pending.",
        pods_pending_too_long="Pods that have been pending for longer than allowed.",
        pods_pending_longest_seconds="How long the pod has been pending that has been so for longest; 0 without any.",
        access_allowed="Whether the account has the right.",
        access_age_seconds="How old the answers about rights are.",
        spinnaker_info="The version of Spinnaker; always 1.",
        spinnaker_accounts="Accounts that are configured.",
        spinnaker_deployed_timestamp_seconds="When a part of the configuration was last deployed.",
        spinnaker_service_replicas="Replicas that the service has.",
        spinnaker_service_ready_replicas="Replicas of those that are ready.",
        spinnaker_service_info="The image of the service; always 1.",
    ),
}


def family(name: str) -> Family | None:
    """What is said of a metric before its values; None of one that is none of ours."""
    return FAMILIES.get(name)
