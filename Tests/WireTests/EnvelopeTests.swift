import Bytes
import Testing
import Wire

struct EnvelopeTests {
    private func read(_ text: String) throws(Refusal) -> Envelope { try Envelope(decoding: Array(text.utf8)) }

    @Test func canonicalTextAndValueAreOne() throws {
        let sample = try Sample()
        for (json, value) in [
            (Sample.publicEnvelopeText, sample.publicEnvelope), (Sample.sealedEnvelopeText, sample.sealedEnvelope),
        ] {
            #expect(text(value.encoded()) == json)
            #expect(try read(json) == value)
            #expect(text(try read(json).encoded()) == json)
        }
    }

    /// However a peer writes it, what is stored and compared is one form.
    @Test func otherTextsOfOneEnvelopeGiveTheSameBytes() throws {
        let other = """
            { "later" : [ 1.5 ] , "text":"gr\\u00fc\\u00DF dich \\ud83d\\uDC4B\\u000a", "at" : 1795000000000,
              "to": "public",\t"from": "alice@s1", "sealed": null, "id": "\(Sample.idText)" }
            """
        #expect(text(try read(other).encoded()) == Sample.publicEnvelopeText)
    }

    @Test func randomEnvelopesSurvive() throws {
        let sample = try Sample()
        var random = SplitMix64(seed: 11)
        for _ in 0..<500 {
            var words = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                words.append(Unicode.Scalar(UInt32.random(in: 0..<0x11_0000, using: &random)) ?? "\u{0}")
            }
            let envelope = Envelope(
                id: MessageID(milliseconds: Sample.at, random: (random.next(), random.next())), from: sample.alice,
                to: .everyone, at: Int64.random(in: 0...Envelope.atMax, using: &random), body: .text(String(words)))
            let read = try Envelope(decoding: envelope.encoded())
            #expect(read == envelope)
            #expect(read.encoded() == envelope.encoded())
        }
    }

    /// Canonically equal words are other bytes, so an id that comes with them is no retry.
    @Test func wordsAreEqualByTheirBytes() throws {
        let (composed, decomposed) = (Envelope.Body.text("\u{E9}"), Envelope.Body.text("e\u{301}"))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, .text("\u{E9}")]).count == 2)
        #expect(try Sample().publicEnvelope.body != Sample().sealedEnvelope.body)
        #expect(try Sample().sealedEnvelope.body == Sample().sealedEnvelope.body)
        let sample = try Sample()
        #expect(Set([sample.sealedEnvelope, sample.publicEnvelope, sample.sealedEnvelope]).count == 2)
    }

    @Test func wordsToOnePersonAreSealed() throws {
        let open = Sample.publicEnvelopeText.replacing("\"public\"", with: "\"bob@s2\"")
        #expect(refusal { () throws(Refusal) in try read(open) }?.code == .notSealed)
        let sealed = Sample.sealedEnvelopeText.replacing("\"bob@s2\"", with: "\"public\"")
        #expect(refusal { () throws(Refusal) in try read(sealed) } == Refusal(.missingMember, "\"text\" is missing"))
    }

    @Test func textsAreCountedInBytes() throws {
        func envelope(_ words: String) -> String { Sample.publicEnvelopeText.replacing("grüß dich 👋\\n", with: words) }
        let characters = String(repeating: "\u{E9}", count: Envelope.textBytesMax / 2)
        guard case .text(let words) = try read(envelope(characters)).body else {
            Issue.record("words to everyone are text")
            return
        }
        #expect(words.utf8.count == Envelope.textBytesMax)
        #expect(refusal { () throws(Refusal) in try read(envelope(characters + "x")) }?.code == .tooLong)
        // The limit holds for the text, not for how it is escaped.
        let escaped = String(repeating: "\\u00e9", count: Envelope.textBytesMax / 2)
        #expect(try read(envelope(escaped)).body == .text(characters))
        #expect(refusal { () throws(Refusal) in try read(envelope("")) }?.code == .badValue)
    }

    @Test func whatTheContextCovers() throws {
        let sample = try Sample()
        let context = Envelope.context(id: Sample.id, from: sample.alice, to: sample.bob, at: Sample.at)
        #expect(
            Hex.encode(context) == """
                00000012706f7374726f61642d6d6573736167652d31\
                00000010017f22e279b07cc398c4dc0c0c07398f\
                00000008616c696365407331\
                00000006626f62407332\
                000001a1ee565e00
                """)
    }

    @Test func whatTheSignatureCovers() throws {
        let sample = try Sample()
        let sealed = Sealed(
            device: sample.fingerprint, nonce: Sample.boxNonce, box: [1, 2, 3],
            wraps: [
                Sealed.Wrap(device: sample.otherFingerprint, key: [4]),
                Sealed.Wrap(device: sample.fingerprint, key: []),
            ], signature: [9, 9])
        #expect(
            Hex.encode(sealed.transcript(in: [0xC0, 0xDE])) == """
                00000011706f7374726f61642d7365616c65642d31\
                00000002c0de\
                00000020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\
                0000000c000102030405060708090a0b\
                00000003010203\
                00000020abababababababababababababababababababababababababababababababab\
                0000000104\
                00000020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\
                00000000
                """)
    }

    /// Fields carry their lengths, so nothing can be moved from one to the next.
    @Test func anyChangeOfTheContextShows() throws {
        let sample = try Sample()
        let other = MessageID(milliseconds: 0, random: (0, 0))
        let contexts = [
            Envelope.context(id: Sample.id, from: sample.alice, to: sample.bob, at: 1),
            Envelope.context(id: other, from: sample.alice, to: sample.bob, at: 1),
            Envelope.context(id: Sample.id, from: sample.bob, to: sample.alice, at: 1),
            Envelope.context(id: Sample.id, from: sample.alice, to: sample.alice, at: 1),
            Envelope.context(id: Sample.id, from: sample.alice, to: sample.bob, at: 256),
        ]
        #expect(Set(contexts).count == contexts.count)
    }
}
