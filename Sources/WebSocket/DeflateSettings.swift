/// How a connection compresses messages (RFC 7692) if the peer agrees. A connection without settings neither offers nor
/// accepts that: compressed lengths tell about secrets that stand beside chosen text, and small messages may inflate to
/// huge ones.
package struct DeflateSettings: Sendable {
    /// Does the compressing.
    package let library: any DeflateLibrary

    /// Whether a message may refer to those before it, by the side that sends it. It makes similar messages much
    /// smaller, costs up to 300 KiB for as long as the connection lasts, and lets the length of one message tell about
    /// another. A server's wish for its client is law; a client's for its server is, if the server agrees.
    package var serverKeepsContext = false
    package var clientKeepsContext = false

    /// How far back each side may look, as a binary logarithm of bytes, 9 to 15: what both pay for in memory.
    package var serverWindowBitsMax = 15
    package var clientWindowBitsMax = 15

    /// Shorter messages are sent as they are: alone they hardly shrink.
    package var messageBytesMin = 128

    /// How many times larger than its compressed form a message may be, once it is longer than `freeBytesMax`. Text
    /// shrinks to a third or a twentieth, the same line again and again to a two hundredth; the most that the format
    /// can do is a thousandth, and whoever comes near that wants our memory. Beyond it: close code 1008. In any case
    /// `Limits.messageBytesMax` holds for the message as it was before compression.
    package var ratioMax = 250
    /// What no ratio is asked of: so much is any peer's to spend.
    package var freeBytesMax = 64 << 10

    package init(library: any DeflateLibrary) { self.library = library }

    private func clamped(_ bits: Int) -> Int {
        min(max(bits, library.deflateWindowBitsMin), DeflateParameters.windowBitsMax)
    }

    /// What a client asks for. It says that the server may name our window (RFC 7692 §7.1.2.2), since it costs nothing.
    var offer: DeflateParameters {
        var offer = DeflateParameters()
        offer.serverNoContextTakeover = !serverKeepsContext
        offer.clientNoContextTakeover = !clientKeepsContext
        let bits = clamped(serverWindowBitsMax)
        if bits < DeflateParameters.windowBitsMax { offer.serverMaxWindowBits = bits }
        offer.clientMaxWindowBits = clamped(clientWindowBitsMax)
        return offer
    }

    /// What a server answers to a list of offers, best first: the first that it can fulfil (RFC 7692 §5). nil if there
    /// is none; then nothing is compressed.
    func answer(to offers: [ExtensionElement]) -> DeflateParameters? {
        for element in offers {
            if let offer = DeflateParameters(element, as: .offer), let answer = answer(to: offer) { return answer }
        }
        return nil
    }

    private func answer(to offer: DeflateParameters) -> DeflateParameters? {
        var answer = DeflateParameters()
        // §7.1.1.1: what the client asks of us binds us. §7.1.1.2: what it says of itself costs us nothing to confirm,
        // and then we need not remember.
        answer.serverNoContextTakeover = offer.serverNoContextTakeover || !serverKeepsContext
        answer.clientNoContextTakeover = offer.clientNoContextTakeover || !clientKeepsContext
        // §7.1.2.1: the same or a smaller value than the offer's. One that the library cannot do is declined.
        let serverBits = min(offer.serverMaxWindowBits ?? DeflateParameters.windowBitsMax, clamped(serverWindowBitsMax))
        guard serverBits >= library.deflateWindowBitsMin else { return nil }
        if offer.serverMaxWindowBits != nil || serverBits < DeflateParameters.windowBitsMax {
            answer.serverMaxWindowBits = serverBits
        }
        // §7.1.2.2: named only where the client said that it may be.
        if let offered = offer.clientMaxWindowBits {
            let clientBits = min(offered, clamped(clientWindowBitsMax))
            if clientBits < DeflateParameters.windowBitsMax { answer.clientMaxWindowBits = clientBits }
        } else if clamped(clientWindowBitsMax) < DeflateParameters.windowBitsMax {
            return nil
        }
        return answer
    }

    /// What a client does with the extensions of a server's answer; nil if the server wants none.
    func agreement(with answer: [ExtensionElement]) throws(OpeningFault) -> DeflateParameters? {
        guard let element = answer.first else { return nil }
        // RFC 6455 §9.1 and RFC 7692 §5: an answer that no offer asked for fails the connection.
        guard answer.count == 1, element.name == DeflateParameters.extensionName else {
            throw .badAnswer("the answer names an extension that was not asked for")
        }
        guard let parameters = DeflateParameters(element, as: .answer), isFulfilled(by: parameters) else {
            throw .badAnswer("the answer has parameters of permessage-deflate that were not asked for")
        }
        // §7.1.1.2, §7.1.2.2: looking back less than the server allows is always right.
        var agreed = parameters
        agreed.clientNoContextTakeover = parameters.clientNoContextTakeover || !clientKeepsContext
        agreed.clientMaxWindowBits = min(
            parameters.clientMaxWindowBits ?? DeflateParameters.windowBitsMax, clamped(clientWindowBitsMax))
        return agreed
    }

    private func isFulfilled(by answer: DeflateParameters) -> Bool {
        let offer = offer
        let serverBits = answer.serverMaxWindowBits ?? DeflateParameters.windowBitsMax
        return (answer.serverNoContextTakeover || !offer.serverNoContextTakeover)
            && serverBits <= (offer.serverMaxWindowBits ?? DeflateParameters.windowBitsMax)
    }
}

/// What this module needs of a library that knows DEFLATE (RFC 1951). The module Deflate has one.
package protocol DeflateLibrary: Sendable {
    /// The smallest window that it can keep to when compressing, 8 to 15. Decompressing does all.
    var deflateWindowBitsMin: Int { get }
    /// nil if there is no memory, or the library cannot do a window that small; then nothing is compressed.
    func makeDeflater(windowBits: Int) -> (any Deflater)?
    /// nil if there is no memory. `windowBits` is 8 to 15.
    func makeInflater(windowBits: Int) -> (any Inflater)?
}

/// Writes one stream of raw DEFLATE blocks.
package protocol Deflater: AnyObject {
    /// Compresses all of `payload` up to a byte border. So it ends with an empty stored block, which is 00 00 FF FF
    /// behind its header (RFC 7692 §7.2.1). nil if that failed; the stream is then of no more use.
    func deflate(_ payload: [UInt8]) -> [UInt8]?
}

/// Reads one stream of raw DEFLATE blocks. A final block is no end: others may follow it (RFC 7692 §7.2.3.4).
package protocol Inflater: AnyObject {
    /// True if everything read so far was whole blocks.
    var isBetweenBlocks: Bool { get }
    /// Appends at most `bytesMax` bytes, at least 1, of what `input` means behind its first `start` bytes to `output`,
    /// and returns how many bytes of `input` it used. If it appended fewer than `bytesMax`, it used all.
    func inflate(
        _ input: [UInt8], from start: Int, onto output: inout [UInt8], bytesMax: Int
    ) throws(InflateFault) -> Int
}

/// Why an inflater cannot go on.
package enum InflateFault: Error { case notDeflate, outOfMemory }
