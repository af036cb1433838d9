"""Tests of documents for Elasticsearch, OpenSearch and Logstash."""
