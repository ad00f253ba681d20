"""The report: tables, figures, interactive charts, the model card and the pages."""
