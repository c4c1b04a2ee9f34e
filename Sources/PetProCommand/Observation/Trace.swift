import ArgumentParser
import AsyncHTTPClient
import CommandSupport
import NIOCore
import Rookery

struct Trace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints a request as a sequence diagram, or lists the last requests.",
        discussion: """
            The trace id of a request is in its response, as X-Trace-Id, and in errors as traceId. A gateway with a \
            console keeps the last 500 requests that its sampling chose. The first line says which flow of docs/flows the request followed, and which branch, or the \
            first arrow that differs.

              petpro trace                                     # the last requests
              petpro trace 4bf92f3577b34da6a3ce929d0e0e4736    # one of them
              petpro trace 4bf92f3577b34da6a3ce929d0e0e4736 --mermaid
              petpro trace 4bf92f3577b34da6a3ce929d0e0e4736 --otlp > trace.json   # for a collector, or another console

            From another machine, put an operator's access token into PETPRO_TOKEN.
            """)

    @Argument(help: "The trace id. Without it, the last requests are listed.")
    var id: String?
    @Option(help: "The gateway's URL.")
    var url = "http://127.0.0.1:8080"
    @Flag(help: "Print the diagram in Mermaid's language.")
    var mermaid = false
    @Flag(help: "Print JSON.")
    var json = false
    @Flag(help: "Print the spans as OTLP's JSON.")
    var otlp = false

    func validate() throws {
        if [mermaid, json, otlp].count(where: { $0 }) > 1 {
            throw ValidationError("choose one of --mermaid, --json and --otlp")
        }
        if mermaid || otlp, id == nil { throw ValidationError("\(mermaid ? "--mermaid" : "--otlp") needs a trace id") }
    }

    func run() async throws {
        let answer = try await TraceClient(url: url).read(
            id.map { "/console/api/traces/\($0)" + (otlp ? "/otlp" : "") } ?? "/console/api/traces")
        if json || otlp { return Terminal.line(answer.jsonText) }
        guard id != nil else { return list(answer["traces"]?.arrayValue ?? []) }
        if mermaid { return Terminal.line(answer["mermaid"]?.stringValue ?? "") }
        for line in TraceClient.lines(answer) { Terminal.line(line) }
    }

    private func list(_ traces: [JSONValue]) {
        if traces.isEmpty { return Terminal.note("no request yet; `petpro demo --url \(url)` makes some") }
        for trace in traces.prefix(20) {
            let status = trace["status"]?.intValue.map { "\($0)" } ?? "-"
            let text = trace["verdict"]?["flow"] == nil ? "" : "  " + (trace["verdict"]?["text"]?.stringValue ?? "")
            Terminal.line(
                "\(trace["id"]?.stringValue ?? "")  \(status)  \(trace["operation"]?.stringValue ?? "")\(text)")
        }
    }
}
