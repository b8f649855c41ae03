{{- define "tapio.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tapio.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tapio.securityContext" -}}
{{- $own := dict "privileged" false "runAsUser" 0 "runAsGroup" 0 "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true -}}
{{- $_ := set $own "capabilities" (dict "drop" (list "ALL") "add" .Values.capabilities) -}}
{{- $_ := set $own "seccompProfile" (dict "type" .Values.seccompProfile) -}}
{{ mergeOverwrite $own (deepCopy .Values.securityContext) | toYaml }}
{{- end }}

{{- define "tapio.labels" -}}
{{ include "tapio.selector" . }}
app.kubernetes.io/part-of: tapio
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* Empty: none. */ -}}
{{- define "tapio.priorityClass" -}}
{{- if .Values.priorityClass.create }}{{ .Values.priorityClass.name | default (include "tapio.name" .) }}{{ else }}{{ .Values.priorityClass.name }}{{ end }}
{{- end }}

{{- /* With the node's network an address that only the pod's environment knows. */ -}}
{{- define "tapio.listensOnHostIP" -}}
{{- if and .Values.metrics.enabled .Values.hostNetwork (not .Values.metrics.address) }}true{{ end }}
{{- end }}

{{- /* What the chart decides, over what the values say. */ -}}
{{- define "tapio.config" -}}
{{- $own := dict "archive" (dict "path" "/var/lib/tapio") "control" (dict "socket" "/run/tapio/tapio.sock") -}}
{{- if and .Values.metrics.enabled (not (include "tapio.listensOnHostIP" .)) -}}
{{- $_ := set $own "http" (dict "listen" (printf "%s:%d" (.Values.metrics.address | default "0.0.0.0") (int .Values.metrics.port))) -}}
{{- end -}}
{{ mergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}
