{{- define "memori.labels" -}}
app.kubernetes.io/name: memori
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "memori.selector" -}}
app.kubernetes.io/name: memori
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "memori.name" -}}
{{ printf "%s-%s" .root.Release.Name .component | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "memori.image" -}}
{{- $image := .root.Values.image -}}
{{ with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}/{{ .component }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* What the `restricted` Pod Security Standard asks of a pod. */}}
{{- define "memori.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "memori.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* The keys of the Secret that a component is given, as files. */}}
{{- define "memori.secretKeys" -}}
{{- if eq .component "migrate" -}}
[admin-database-url, database-passwords, migrator-nats-password]
{{- else if eq .component "gateway" -}}
[secret-key, gateway-nats-password]
{{- else -}}
[secret-key, {{ .component }}-nats-password, {{ .component }}-database-url, {{ .component }}-database-worker-url]
{{- end -}}
{{- end }}

{{- define "memori.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.existingSecret }}
    defaultMode: 0440
    items:
      {{- range include "memori.secretKeys" . | fromYamlArray }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
- name: tmp
  emptyDir: { sizeLimit: {{ get .root.Values.scratch .component | default "256Mi" }} }
{{- if and (eq .component "sql-generator") .root.Values.uploads.enabled }}
- name: uploads
  persistentVolumeClaim: { claimName: {{ .root.Values.uploads.existingClaim | default (include "memori.name" (dict "root" .root "component" "uploads")) }} }
{{- end }}
{{- end }}

{{- define "memori.mounts" -}}
- { name: secrets, mountPath: /run/secrets, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- if and (eq .component "sql-generator") .root.Values.uploads.enabled }}
- { name: uploads, mountPath: /var/lib/memori/uploads }
{{- end }}
{{- end }}

{{/* Settings as environment variables: a service's own win over those of all; no secret is among them. */}}
{{- define "memori.environment" -}}
{{- $own := dict
  "ENVIRONMENT" .root.Values.environment
  "LOG_LEVEL" .root.Values.logLevel
  "NATS_URL" .root.Values.nats.url
  "SECRET_KEY_FILE" "/run/secrets/secret-key"
  "NATS_PASSWORD_FILE" (printf "/run/secrets/%s-nats-password" .component) }}
{{- if ne .component "gateway" }}
{{- $_ := set $own "DATABASE_URL_FILE" (printf "/run/secrets/%s-database-url" .component) }}
{{- $_ := set $own "DATABASE_WORKER_URL_FILE" (printf "/run/secrets/%s-database-worker-url" .component) }}
{{- end }}
{{- with .root.Values.otlpEndpoint }}{{ $_ := set $own "OTEL_EXPORTER_OTLP_ENDPOINT" . }}{{ end }}
{{- $all := mergeOverwrite $own (deepCopy .root.Values.settings) (deepCopy .service.settings) }}
{{- range $name, $value := $all }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- range $name, $from := .root.Values.secretSettings }}
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $from.secret }}, key: {{ $from.key }} } }
{{- end }}
{{- end }}
