import Wire

/// Which servers know which: only those exchange messages.
enum Topology: CaseIterable {
    case full
    /// Each knows the one before it and the one behind it.
    case chain
    /// All know the first one.
    case star
    /// Connected, and with some links more.
    case sparse

    func neighbours(
        of names: [ServerName], using random: inout SplitMix64
    ) -> [ServerName: Set<ServerName>] {
        var neighbours: [ServerName: Set<ServerName>] = [:]
        func join(_ one: ServerName, _ other: ServerName) {
            neighbours[one, default: []].insert(other)
            neighbours[other, default: []].insert(one)
        }
        for (index, name) in names.enumerated().dropFirst() {
            let earlier = Array(names[..<index])
            switch self {
            case .full: for other in earlier { join(name, other) }
            case .chain: join(name, names[index - 1])
            case .star: join(name, names[0])
            case .sparse:
                for other in earlier where random.chance(0.3) { join(name, other) }
                join(name, random.pick(earlier) ?? names[0])
            }
        }
        return neighbours
    }
}
