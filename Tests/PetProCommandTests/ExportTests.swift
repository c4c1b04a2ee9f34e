import Logging
import Rookery
import Synchronization
import Testing

@testable import OTLPTraces
@testable import PetProCommand

@Suite("The export of spans")
struct ExportTests {
    @Test("is off unless the environment names a collector, and can be switched off")
    func off() throws {
        #expect(try ExportSettings([:], service: "petpro") == nil)
        let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"]
        for more in [["OTEL_SDK_DISABLED": "TRUE"], ["OTEL_TRACES_EXPORTER": "none"]] {
            #expect(try ExportSettings(endpoint.merging(more) { $1 }, service: "petpro") == nil)
        }
        #expect(try ExportSettings(["OTEL_EXPORTER_OTLP_ENDPOINT": ""], service: "petpro") == nil)
        #expect(
            try ExportSettings(["OTEL_TRACES_EXPORTER": "otlp"], service: "p")?.url == "http://localhost:4318/v1/traces"
        )
    }

    @Test("reads the variables of OpenTelemetry, those of traces before the common ones")
    func variables() throws {
        let read = try ExportSettings(
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x, tenant=a=b",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "250",
                "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.name=no",
                "OTEL_SERVICE_NAME": "shop",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
                "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_MAX_QUEUE_SIZE": "64",
            ], service: "petpro")
        let settings = try #require(read)
        #expect(settings.url == "http://collector:4318/v1/traces" && settings.encoding == .json)
        #expect(settings.headers.map { "\($0.name): \($0.value)" } == ["authorization: Bearer x", "tenant: a=b"])
        #expect(settings.timeout == .milliseconds(250) && settings.delay == .milliseconds(100))
        #expect(
            settings.resource["service.name"] == "shop" && settings.resource["deployment.environment.name"] == "test")
        #expect(settings.queue == 64 && settings.batch == 64 && settings.share == 0.25)
        let own = try ExportSettings(
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://b/x"],
            service: "petpro")
        #expect(own?.url == "https://b/x" && own?.encoding == .protobuf && own?.resource["service.name"] == "petpro")
    }

    @Test(
        "refuses a variable that it cannot use, by its name",
        arguments: [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"), ("OTEL_EXPORTER_OTLP_HEADERS", "token=secret%0Aother"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ])
    func refused(_ name: String, _ value: String) throws {
        var variables = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"]
        variables[name] = value
        let error = #expect(throws: ExportSettings.Invalid.self) { try ExportSettings(variables, service: "petpro") }
        let text = try #require(error?.description)
        #expect(text.hasPrefix(name), "\(text)")
        // It may be a token.
        #expect(!text.contains("secret"))
    }

    @Test("chooses the share of traces that it should, and the same ones in every process")
    func sampling() throws {
        let variables = [
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
        ]
        let settings = try #require(try ExportSettings(variables, service: "a"))
        var random = SystemRandomNumberGenerator()
        let ids = (0..<10_000).map { _ in UInt64.random(in: .min ... .max, using: &random) }
        let chosen = ids.filter(settings.includes).count
        #expect((2200...2800).contains(chosen))
        // The first byte of the half is not random everywhere.
        #expect(ids.allSatisfy { settings.includes(traceLow: $0) == settings.includes(traceLow: $0 | 0xFF << 56) })
    }

    @Test("reads what a collector refuses, in both encodings, and takes what it cannot read for no refusal")
    func responses() {
        let json = TracesResponse(
            Array(#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}}"#.utf8), .json, count: 9)
        #expect(json.rejected == 3 && json.message == "full")
        // partial_success { rejected_spans: 300 error_message: "full" }
        let bytes: [UInt8] = [0x0A, 0x09, 0x08, 0xAC, 0x02, 0x12, 0x04] + Array("full".utf8)
        let protobuf = TracesResponse(bytes, .protobuf, count: 512)
        #expect(protobuf.rejected == 300 && protobuf.message == "full")
        for cut in 0..<bytes.count { _ = TracesResponse(Array(bytes.prefix(cut)), .protobuf, count: 9) }
        for wrong in ["-9223372036854775808", "9223372036854775807"] {
            let body = Array(#"{"partialSuccess":{"rejectedSpans":"\#(wrong)"}}"#.utf8)
            #expect([0, 9].contains(TracesResponse(body, .json, count: 9).rejected))
        }
        #expect(
            TracesResponse([0x0A, 0x0B, 0x08] + [UInt8](repeating: 0xFF, count: 9) + [0x01], .protobuf, count: 9)
                .rejected == 9)
        for body in [
            [], Array("<html>".utf8), [0xFF], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        ] {
            #expect(TracesResponse(body, .json, count: 9).rejected == 0)
            #expect(TracesResponse(body, .protobuf, count: 9).rejected == 0)
        }
    }
}

@Suite("A log line as JSON")
struct JSONLogTests {
    @Test("is one object with its metadata, whatever is in it, and hides no member of its own")
    func line() throws {
        let lines = Lines()
        var handler = JSONLogHandler(
            label: "petpro", provider: .init { ["trace": "4bf92f3577b34da6a3ce929d0e0e4736"] }, write: { lines.add($0) }
        )
        handler.metadata = ["service": "vendor", "level": "own"]
        let logger = Logger(label: "petpro") { _ in handler }
        logger.warning(
            "a \"quote\"\nand 🐕", metadata: ["list": ["a", "b"], "inner": ["x": "1"], "service": "booking"],
            source: "RookeryTCP")
        let text = lines.all
        #expect(text.hasSuffix("\n") && text.filter { $0 == "\n" }.count == 1)
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value["message"] == "a \"quote\"\nand 🐕" && value["level"] == "warning" && value["level_"] == "own")
        #expect(value["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736" && value["service"] == "booking")
        #expect(value["list"] == ["a", "b"] && value["inner"]?["x"] == "1" && value["source"] == "RookeryTCP")
        #expect(value["time"]?.stringValue.flatMap { Instant($0) } != nil)
    }
}

/// Collects what a handler writes.
private final class Lines: Sendable {
    private let text = Mutex("")
    var all: String { text.withLock { $0 } }
    func add(_ line: String) { text.withLock { $0 += line } }
}
