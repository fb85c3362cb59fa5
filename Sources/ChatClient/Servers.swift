import Wire

/// Which other servers the node can reach, and how many of one's own messages wait for those that it cannot.
extension ClientMachine {
    mutating func serversChanged(_ servers: [ServerStatus], isWhole: Bool) {
        if isWhole {
            let named = Set(servers.map(\.server))
            // Came back while this client was away; the node does not say when.
            for server in unreachable.subtracting(named).sorted() {
                show(ServerStatus(server: server, isReachable: true, since: 0))
            }
        }
        for status in servers where status.isReachable == unreachable.contains(status.server) { show(status) }
    }

    private mutating func show(_ status: ServerStatus) {
        if status.isReachable { unreachable.remove(status.server) } else { unreachable.insert(status.server) }
        emit(.server(status, waiting: status.isReachable ? 0 : waitingCount(for: status.server)))
    }

    private func waitingCount(for server: ServerName) -> Int {
        let pending = outgoing.items.values.count { item in
            if case .direct(let address) = item.to { address.server == server } else { false }
        }
        return pending + undelivered.items.values.count { $0.state.waiting?.contains(server) ?? false }
    }
}
