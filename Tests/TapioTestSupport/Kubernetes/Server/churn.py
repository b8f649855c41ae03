"""Pods that come, change and go by chance."""

import json
import random

PODS = "/api/v1/pods"
DISTURBANCES = ["break", "end", "half a line", "bookmark", "garbage", "break"]


def new_pod(source, number):
    return {
        "metadata": {"name": f"churn-{number}", "namespace": "churn", "uid": f"00000000-0000-4000-8000-{number:012d}"},
        "spec": {"nodeName": "node1"},
        "status": {"phase": "Running", "podIPs": [{"ip": f"10.0.{number >> 8 & 255}.{number & 255}"}],
                   "containerStatuses": [{"name": "main", "restartCount": 0, "image": "i",
                                          "containerID": new_id(source), "state": {"running": {}}}]}}


def new_id(source):
    return "containerd://%064x" % source.getrandbits(256)


def churn(cluster, count, seed, disturb):
    """Makes `count` changes, and every 50 of them disturbs whoever watches, if there is a `disturb`."""
    source, number = random.Random(seed), 0
    for step in range(count):
        with cluster.condition:
            pods = list(cluster.objects[PODS].values())
            choice = source.random()
            if choice < 0.4 or not pods:
                number += 1
                cluster.put(PODS, new_pod(source, number))
            elif choice < 0.75:
                pod = json.loads(json.dumps(source.choice(pods)))
                container = pod["status"]["containerStatuses"][0]
                container["lastState"] = {"terminated": {"exitCode": 1, "containerID": container["containerID"]}}
                container["restartCount"] += 1
                container["containerID"] = new_id(source)
                pod["status"]["phase"] = source.choice(["Running", "Running", "Failed"])
                cluster.put(PODS, pod)
            else:
                cluster.record(PODS, "DELETED", source.choice(pods))
            if disturb and step % 50 == 49:
                # Somebody is to be there to be disturbed, and comes back in the middle of what follows.
                cluster.condition.wait_for(lambda: cluster.watchers, timeout=30)
                disturb(DISTURBANCES[step // 50 % len(DISTURBANCES)])
                number += 1
                cluster.put(PODS, new_pod(source, number))
                if step // 50 % 3 == 2:  # what nobody has seen is gone
                    cluster.compact()
