// Sends spans by the OpenTelemetry SDK for JavaScript: as JSON and as protobuf, in Node and in a browser.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter as Json } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as Protobuf } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

export async function send({ url, token, way, number, failing, ...more }) {
  const Exporter = way === "json" ? Json : Protobuf;
  const exporter = new Exporter({ url: `${url}/v1/traces`, headers: { Authorization: `Bearer ${token}` }, ...more });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: 64 })],
  });
  const tracer = provider.getTracer("test");
  for (let i = 0; i < number; i++) {
    const span = tracer.startSpan("POST", { kind: SpanKind.SERVER, attributes: { "http.route": "/pay" } });
    if (i % failing === 0) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }
  await provider.shutdown();
}

if (typeof process !== "undefined") await send(JSON.parse(process.argv[2]));
else globalThis.send = send;
