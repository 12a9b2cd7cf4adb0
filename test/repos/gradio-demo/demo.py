import gradio as gr

with gr.Blocks() as demo:
    gr.Markdown("Hello from Gradio")

demo.launch(server_port=7861)
