// What Kubernetes says of a node, its pods and their containers.
extension EventDetails {
    mutating func describeKubernetesObject() {
        if let change = take("change") { add(change, change == "deleted" ? .yellow : .plain) }
        if let container = event.string("container") { add(container, .bold) }
        if let state = take("pod_phase") ?? take("container_state") { add(state, .bold) }
        if let ready = take("ready"), ready != "True" { add("not ready", .yellow) }
        if let reason = take("reason") { add(reason, .yellow) }
        if let code = takeInt("exit_code") { add("exit \(code)", code == 0 ? .plain : .red) }
        if let signal = takeInt("signal") { add("killed by \(SignalName.name(of: signal))", .red) }
        if let restarts = takeInt("restart_count"), restarts > 0 {
            add("started again \(HumanUnits.count(restarts)) times", .yellow)
        }
        if let reason = take("last_reason") { add("after \(reason)", .yellow) }
        if let message = take("message") { add(message) }
        shown.formUnion([
            "message_bytes", "node_name", "created_ts", "started_ts", "finished_ts", "last_started_ts",
            "last_finished_ts", "last_container_id", "container_role", "last_signal",
        ])
    }

    mutating func describeKubernetesEvent() {
        let type = take("event_type")
        if let reason = take("reason") { add(reason, type == "Warning" ? .yellow : .bold) }
        if event.string("pod") == nil, let kind = take("object_kind"), let name = take("object_name") {
            add("\(kind)/\(name)", .bold)
        }
        if let container = event.string("container") { add(container, .bold) }
        if let message = take("message") { add(message) }
        if let count = takeInt("event_count"), count > 1 { add("×\(HumanUnits.count(count))", .faint) }
        if let source = take("event_source") { add("from \(source)", .faint) }
        shown.formUnion([
            "message_bytes", "node_name", "object_kind", "object_name", "object_namespace", "object_uid",
            "first_seen_ts", "last_seen_ts",
        ])
    }
}
