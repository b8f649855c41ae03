{{- define "tapio.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tapio.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tapio.labels" -}}
{{ include "tapio.selector" . }}
app.kubernetes.io/part-of: tapio
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tapio.priorityClass" -}}
{{ .Values.priorityClass.name | default (include "tapio.name" .) }}
{{- end }}

{{- /* What the chart decides, over what the values say. */ -}}
{{- define "tapio.config" -}}
{{- $own := dict "archive" (dict "path" "/var/lib/tapio") "control" (dict "socket" "/run/tapio/tapio.sock") -}}
{{- if .Values.metrics.enabled }}{{ $_ := set $own "http" (dict "listen" (printf "0.0.0.0:%v" .Values.metrics.port)) }}{{ end -}}
{{ mergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}
