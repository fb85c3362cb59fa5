/// One row of figures.
struct Scenario {
    let name: String
    let summary: String
    let measure: (Workshop) throws -> [Reading]

    /// In the order in which a round plays them. The first is the floor that the others' cost is held against.
    static func all(isQuick: Bool, queued: Int = Options.queuedUsually) -> [Scenario] {
        [
            Scenario(
                name: "ping", summary: "one client, 60 pings under way; nothing is stored", measure: Loads.pings),
            Scenario(
                name: "disk", summary: "4 KiB written and synchronised, which every commit has to wait for",
                measure: Disk.measure),
            Scenario(
                name: "public-1", summary: "one client, 60 public messages under way, each until `delivered`",
                measure: { try Loads.publicMessages(senders: 1, window: 60, readers: 0, $0) }),
            Scenario(
                name: "public-20", summary: "20 clients, 32 under way each; each message goes to all 20",
                measure: { try Loads.publicMessages(senders: 20, window: 32, readers: 0, $0) }),
            Scenario(
                name: "fan-out-100", summary: "one writer, 32 under way, and 100 readers",
                measure: { try Loads.publicMessages(senders: 1, window: 32, readers: 100, $0) }),
            Scenario(
                name: "sealed-link", summary: "one client of s1 to one of s2, 60 under way, each until `delivered`",
                measure: { try Loads.sealedAcross(.tls, $0) }),
            Scenario(
                name: "sealed-link-plain", summary: "the same, and the link is not encrypted",
                measure: { try Loads.sealedAcross(.plain, $0) }),
            Scenario(
                name: "public-link", summary: "one client of s1, 60 public messages under way, each until s2 has it",
                measure: Loads.publicAcross),
            Scenario(
                name: "drain", summary: "public messages queued for s2 while it was away, in order, once it is back",
                measure: { try Drain.ofPublic(count: isQuick ? min(queued, 5000) : queued, $0) }),
            Scenario(
                name: "drain-sealed", summary: "the same with direct messages",
                measure: { try Drain.ofSealed(count: isQuick ? min(queued, 5000) : queued, $0) }),
            Scenario(
                name: "latency-public", summary: "200 public messages a second, and one reader",
                measure: { try Latency.ofPublic(perSecond: 200, $0) }),
            Scenario(
                name: "latency-link", summary: "200 sealed messages a second from s1 to s2",
                measure: { try Latency.ofSealed(perSecond: 200, .tls, $0) }),
            Scenario(
                name: "latency-link-plain", summary: "the same, and the link is not encrypted",
                measure: { try Latency.ofSealed(perSecond: 200, .plain, $0) }),
            Scenario(
                name: "idle", summary: "200\(isQuick ? "" : " and 2,000") sessions log in and stay silent",
                measure: { try Idle.measure(counts: isQuick ? [200] : [200, 2000], $0) }),
            Scenario(name: "code", summary: "parts of the code alone, on one thread", measure: Micro.measure),
            Scenario(
                name: "websocket-code", summary: "masking, UTF-8 check and frame parsing, on one thread",
                measure: Micro.measureWebSocket),
        ]
    }
}

/// One figure of one round.
struct Reading {
    let figure: String
    let unit: String
    let value: Double

    init(_ figure: String, _ unit: String, _ value: Double) {
        self.figure = figure
        self.unit = unit
        self.value = value
    }

    /// What is also told in pings.
    static let cost = "CPU"

    /// Processor seconds that `nodes` spent between two looks, for each million, together and by thread.
    static func costs(
        of nodes: [NodeProcess], from earlier: [ProcessUsage], to later: [ProcessUsage], millions: Double, unit: String
    ) -> [Reading] {
        let looks = zip(nodes, zip(earlier, later))
        let spent = looks.reduce(0) { $0 + $1.1.1.seconds - $1.1.0.seconds }
        var readings = [Reading(cost, unit, spent / millions)]
        for (node, (earlier, later)) in looks {
            for thread in ["loop", "store"] {
                let spent = (later.secondsByThread[thread] ?? 0) - (earlier.secondsByThread[thread] ?? 0)
                guard spent > 0 else { continue }
                let whose = nodes.count > 1 ? "\(node.name) \(thread)" : thread
                readings.append(Reading("\(cost), \(whose)", unit, spent / millions))
            }
        }
        return readings
    }

    /// The median and the 99th percentile of `milliseconds`.
    static func percentiles(_ name: String, _ milliseconds: [Double]) -> [Reading] {
        let sorted = milliseconds.sorted()
        return [50, 99].map { percent in
            let index = sorted.count * percent / 100
            return Reading("\(name) p\(percent)", "ms", sorted.indices.contains(index) ? sorted[index] : 0)
        }
    }
}
