import Bytes
import Federation
import Testing
import Wire

private let identity = LinkIdentity(name: server("south"), key: FakeKey.publicKey(of: "south"))
private let northKey = FakeKey.publicKey(of: "north")
private let position = LinkMessage.resume(StreamPosition(epoch: Epoch(1), first: 1, received: nil))

private func id() -> LinkID { MeshBench().accept() }

/// An accepted link up to the point where the dialler's proof is being checked.
private func verifyingLink() throws -> LinkMachine {
    var link = LinkMachine(id: id(), dialled: nil, at: seconds(0))
    _ = link.opened(as: identity, over: .plaintext, nonce: [UInt8](repeating: 2, count: 32), at: seconds(0))
    let hello = LinkHello(
        version: 1, from: server("north"), to: server("south"), nonce: [UInt8](repeating: 1, count: 32), key: northKey)
    _ = try link.receive(.hello(hello), trust: .key(northKey), at: seconds(0))
    _ = link.signed([])
    _ = try link.receive(.proof(signature: []), trust: .stranger, at: seconds(0))
    return link
}

private func provenLink() throws -> LinkMachine {
    var link = try verifyingLink()
    _ = try link.verified(true, trust: .key(northKey))
    return link
}

private let streamMessages: [LinkMessage] = [
    .envelope(seq: 1, envelope(1)), .skip(seq: 1), .acknowledgement(through: 1, refused: []),
    .presence(PresencePage(version: 1, kind: .delta, people: [], keys: [])), .keysWanted(ref: 1, user: user("ann")),
    .keys(ref: 1, user: user("ann"), devices: [], refusal: nil),
]

@Suite struct LinkMachineTests {
    @Test(arguments: streamMessages + [position, .closing(retrySeconds: 1)])
    func nothingComesBeforeTheProof(message: LinkMessage) {
        var link = LinkMachine(id: id(), dialled: nil, at: seconds(0))
        #expect(throws: Refusal.self) { try link.receive(message, trust: .stranger, at: seconds(0)) }
        _ = link.opened(as: identity, over: .plaintext, nonce: [UInt8](repeating: 2, count: 32), at: seconds(0))
        #expect(throws: Refusal.self) { try link.receive(message, trust: .stranger, at: seconds(0)) }
    }

    @Test(arguments: streamMessages)
    func nothingComesBeforeResume(message: LinkMessage) throws {
        var link = try provenLink()
        #expect(throws: Refusal.self) { try link.receive(message, trust: .stranger, at: seconds(0)) }
        link = try provenLink()
        #expect(try link.receive(position, trust: .stranger, at: seconds(0)) == [.deliver(position)])
        #expect(try link.receive(message, trust: .stranger, at: seconds(0)) == [.deliver(message)])
    }

    @Test func aProvenLinkSaysHelloNoMore() throws {
        let hello = LinkHello(version: 1, from: server("north"), to: server("south"), nonce: [], key: northKey)
        for message in [LinkMessage.hello(hello), .proof(signature: [])] {
            var link = try provenLink()
            #expect(throws: Refusal.self) { try link.receive(message, trust: .key(northKey), at: seconds(0)) }
        }
    }

    @Test func resumeMayArriveWhileTheProofIsChecked() throws {
        var link = try verifyingLink()
        #expect(try link.receive(position, trust: .stranger, at: seconds(0)) == [])
        #expect(try link.verified(true, trust: .key(northKey)) == [.proven, .deliver(position)])
        link = try verifyingLink()
        _ = try link.receive(position, trust: .stranger, at: seconds(0))
        #expect(throws: Refusal.self) { try link.receive(position, trust: .stranger, at: seconds(0)) }
    }

    @Test func resumeComesTwiceAtMostAndBeforeEnvelopes() throws {
        var link = try provenLink()
        for _ in 0..<2 { _ = try link.receive(position, trust: .stranger, at: seconds(0)) }
        #expect(throws: Refusal.self) { try link.receive(position, trust: .stranger, at: seconds(0)) }
        link = try provenLink()
        _ = try link.receive(position, trust: .stranger, at: seconds(0))
        _ = try link.receive(.envelope(seq: 1, envelope(1)), trust: .stranger, at: seconds(0))
        #expect(throws: Refusal.self) { try link.receive(position, trust: .stranger, at: seconds(0)) }
    }

    @Test func theOpeningTimeIsAbsolute() throws {
        var link = try verifyingLink()
        link.heard(at: seconds(9))
        #expect(link.deadline == seconds(10))
        #expect(try link.tick(at: seconds(9.9)) == [])
        #expect(throws: Refusal.self) { try link.tick(at: seconds(10)) }
    }

    @Test func silenceIsProbedAndThenEnds() throws {
        var link = try provenLink()
        link.heard(at: seconds(5))
        #expect(try link.tick(at: seconds(14.9)) == [])
        #expect(try link.tick(at: seconds(15)) == [.ping])
        #expect(try link.tick(at: seconds(24)) == [])
        link.heard(at: seconds(24.5))
        #expect(try link.tick(at: seconds(25)) == [])
        #expect(try link.tick(at: seconds(34.5)) == [.ping])
        #expect(throws: Refusal.self) { try link.tick(at: seconds(44.5)) }
    }

    @Test func aLongPauseOfTheProcessIsProbedFirst() throws {
        var link = try provenLink()
        #expect(try link.tick(at: seconds(3600)) == [.ping])
        #expect(try link.tick(at: seconds(3609)) == [])
    }
}
